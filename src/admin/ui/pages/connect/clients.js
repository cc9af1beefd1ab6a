/** The exact lines for each client: as README.md has them. */

const q = (text) => JSON.stringify(text);
const sh = (text) => (/^[\w./:@%+=,*-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/**
 * Each: {id, label, sdk?, sdkLabel?, call, blocks: ({base, key, model}) => [{title?, text, lang?}]}. `title` 'terminal' or 'run' is a text of
 * i18n, anything else a file's name. `call` is how a first request of it goes.
 */
export const CLIENTS = [
  {
    id: 'claude-code', label: 'Claude Code', call: 'anthropic',
    blocks: ({ base, key, model }) => [{ title: 'terminal', text: `export ANTHROPIC_BASE_URL=${base}\nexport ANTHROPIC_API_KEY=${sh(key)}\nclaude --model ${sh(model)}` }],
  },
  {
    id: 'codex', label: 'Codex', call: 'responses',
    blocks: ({ base, key, model }) => [
      { title: '~/.codex/config.toml', text: `model = ${q(model)}\nmodel_provider = "tidegate"\n\n[model_providers.tidegate]\nname = "Tidegate"\nbase_url = "${base}/v1"\nwire_api = "responses"\nenv_key = "TIDEGATE_KEY"` },
      { title: 'terminal', text: `export TIDEGATE_KEY=${sh(key)}\ncodex` },
    ],
  },
  {
    id: 'gemini-cli', label: 'Gemini CLI', call: 'gemini',
    blocks: ({ base, key, model }) => [
      { title: '~/.gemini/settings.json', lang: 'json', text: '{\n  "security": { "auth": { "selectedType": "gemini-api-key" } }\n}' },
      { title: 'terminal', text: `export GOOGLE_GEMINI_BASE_URL=${base}\nexport GEMINI_API_KEY=${sh(key)}\ngemini -m ${sh(model)}` },
    ],
  },
  { id: 'cursor', label: 'Cursor', call: 'chat', blocks: ({ base, key, model }) => [{ title: 'cursor.url', text: `${base}/v1` }, { title: 'cursor.key', text: key }, { title: 'cursor.model', text: model }] },
  {
    id: 'opencode', label: 'opencode', call: 'chat',
    blocks: ({ base, key, model }) => [{ title: 'opencode.json', lang: 'json', text: JSON.stringify({ model: `tidegate/${model}`, provider: { tidegate: { npm: '@ai-sdk/openai-compatible', options: { baseURL: `${base}/v1`, apiKey: key }, models: { [model]: {} } } } }, null, 2) }],
  },
  {
    id: 'python', sdk: 'openai', label: 'Python', sdkLabel: 'OpenAI', call: 'chat',
    blocks: ({ base, key, model }) => [{ title: 'pip install openai', text: `from openai import OpenAI\n\nclient = OpenAI(base_url="${base}/v1", api_key=${q(key)})\nanswer = client.chat.completions.create(\n    model=${q(model)},\n    messages=[{"role": "user", "content": "hello"}],\n)\nprint(answer.choices[0].message.content)` }],
  },
  {
    id: 'python', sdk: 'anthropic', label: 'Python', sdkLabel: 'Anthropic', call: 'anthropic',
    blocks: ({ base, key, model }) => [{ title: 'pip install anthropic', text: `from anthropic import Anthropic\n\nclient = Anthropic(base_url="${base}", api_key=${q(key)})\nanswer = client.messages.create(\n    model=${q(model)},\n    max_tokens=1024,\n    messages=[{"role": "user", "content": "hello"}],\n)\nprint(answer.content[0].text)` }],
  },
  {
    id: 'python', sdk: 'google', label: 'Python', sdkLabel: 'Google', call: 'gemini',
    blocks: ({ base, key, model }) => [{ title: 'pip install google-genai', text: `from google import genai\n\nclient = genai.Client(api_key=${q(key)}, http_options={"base_url": "${base}"})\nanswer = client.models.generate_content(model=${q(model)}, contents="hello")\nprint(answer.text)` }],
  },
  {
    id: 'node', label: 'Node', call: 'chat',
    blocks: ({ base, key, model }) => [{ title: 'npm install openai', text: `import OpenAI from 'openai';\n\nconst client = new OpenAI({ baseURL: ${q(`${base}/v1`)}, apiKey: ${q(key)} });\nconst answer = await client.chat.completions.create({\n  model: ${q(model)},\n  messages: [{ role: 'user', content: 'hello' }],\n});\nconsole.log(answer.choices[0].message.content);` }],
  },
  {
    id: 'curl', label: 'curl', call: 'chat',
    blocks: ({ base, key, model, open }) => {
      const auth = (line) => (open ? '' : ` \\\n  ${line}`);
      const end = ` \\\n  -d`;
      const body = (value) => sh(JSON.stringify(value));
      const said = [{ role: 'user', content: 'hello' }];
      return [
        { title: 'OpenAI', text: `curl ${base}/v1/chat/completions -H 'content-type: application/json'${auth(`-H ${sh(`authorization: Bearer ${key}`)}`)}${end} ${body({ model, messages: said })}` },
        { title: 'Anthropic', text: `curl ${base}/v1/messages -H 'content-type: application/json'${auth(`-H ${sh(`x-api-key: ${key}`)}`)}${end} ${body({ model, max_tokens: 100, messages: said })}` },
        { title: 'Gemini', text: `curl ${sh(`${base}/v1beta/models/${encodeURIComponent(model).replaceAll('%2F', '/')}:generateContent`)} -H 'content-type: application/json'${auth(`-H ${sh(`x-goog-api-key: ${key}`)}`)}${end} ${body({ contents: [{ role: 'user', parts: [{ text: 'hello' }] }] })}` },
      ];
    },
  },
];

/** `ref` tells a first request from all others, wherever it is looked for: in the vendor's log too. */
const hello = (ref) => `Say hello in one short sentence. (ref ${ref})`;
/** How a first request goes in each format: {path, body: (model, ref) => object, header, text: (event) => string}. */
export const CALLS = {
  chat: { path: () => '/v1/chat/completions', body: (model, ref) => ({ model, stream: true, max_tokens: 64, messages: [{ role: 'user', content: hello(ref) }] }), header: (key) => ({ authorization: `Bearer ${key}` }), text: (event) => event.choices?.[0]?.delta?.content },
  responses: { path: () => '/v1/responses', body: (model, ref) => ({ model, stream: true, max_output_tokens: 64, input: hello(ref) }), header: (key) => ({ authorization: `Bearer ${key}` }), text: (event) => (event.type === 'response.output_text.delta' ? event.delta : '') },
  anthropic: { path: () => '/v1/messages', body: (model, ref) => ({ model, stream: true, max_tokens: 64, messages: [{ role: 'user', content: hello(ref) }] }), header: (key) => ({ 'x-api-key': key, 'anthropic-version': '2023-06-01' }), text: (event) => event.delta?.text },
  gemini: { path: (model) => `/v1beta/models/${encodeURIComponent(model).replaceAll('%2F', '/')}:streamGenerateContent?alt=sse`, body: (model, ref) => ({ contents: [{ role: 'user', parts: [{ text: hello(ref) }] }], generationConfig: { maxOutputTokens: 64 } }), header: (key) => ({ 'x-goog-api-key': key }), text: (event) => event.candidates?.[0]?.content?.parts?.map((part) => part.text ?? '').join('') },
};
