/** Answers in the four formats, whole or as streams, read into what a person wants to see of them. */

/** Nothing yet. `tools`: [{name, args}]. `usage`: as the vendor says it. */
const empty = () => ({ text: '', reasoning: '', tools: [], stop: null, usage: null, error: null, model: null });

const said = (error) => (typeof error === 'string' ? error : error?.message || JSON.stringify(error));
const parts = (content) => (typeof content === 'string' ? content : (content || []).map((part) => part.text ?? part.refusal ?? '').join(''));

const chat = {
  event(to, data) {
    to.model ??= data.model ?? null;
    if (data.usage) to.usage = data.usage;
    for (const choice of data.choices || []) {
      const delta = choice.delta || {};
      if (choice.index) continue;
      to.text += delta.content ?? delta.refusal ?? choice.text ?? '';
      to.reasoning += delta.reasoning_content ?? delta.reasoning ?? '';
      for (const call of delta.tool_calls || []) {
        const tool = (to.tools[call.index ?? to.tools.length] ??= { name: '', args: '' });
        tool.name += call.function?.name ?? '';
        tool.args += call.function?.arguments ?? '';
      }
      if (choice.finish_reason) to.stop = choice.finish_reason;
    }
  },
  whole(to, data) {
    const choice = data.choices?.[0] || {};
    to.text = parts(choice.message?.content ?? choice.message?.refusal ?? choice.text);
    to.reasoning = choice.message?.reasoning_content ?? '';
    to.tools = (choice.message?.tool_calls || []).map((call) => ({ name: call.function?.name, args: call.function?.arguments }));
    Object.assign(to, { stop: choice.finish_reason ?? null, usage: data.usage ?? null, model: data.model ?? null });
  },
};

const responses = {
  event(to, data) {
    if (data.type === 'response.output_text.delta' || data.type === 'response.refusal.delta') to.text += data.delta;
    if (/^response\.reasoning(_summary)?_text\.delta$/.test(data.type)) to.reasoning += data.delta;
    if (data.type === 'response.output_item.added' && data.item?.type === 'function_call') to.tools.push({ id: data.item.id, name: data.item.name, args: '' });
    if (data.type === 'response.function_call_arguments.delta') {
      const tool = to.tools.find((one) => one.id === data.item_id) ?? to.tools[to.tools.length - 1];
      if (tool) tool.args += data.delta;
    }
    if (data.response) {
      to.model = data.response.model ?? to.model;
      if (data.response.usage) to.usage = data.response.usage;
      if (/completed|incomplete|failed/.test(data.type)) to.stop = data.response.incomplete_details?.reason ?? data.response.status;
      if (data.response.error) to.error = said(data.response.error);
    }
    if (data.type === 'error') to.error = said(data.error ?? data);
  },
  whole(to, data) {
    for (const item of data.output || []) {
      if (item.type === 'message') to.text += parts(item.content);
      if (item.type === 'reasoning') to.reasoning += parts(item.summary);
      if (item.type === 'function_call') to.tools.push({ name: item.name, args: item.arguments });
    }
    Object.assign(to, { stop: data.incomplete_details?.reason ?? data.status ?? null, usage: data.usage ?? null, model: data.model ?? null });
  },
};

const anthropic = {
  event(to, data) {
    if (data.type === 'message_start') { to.model = data.message?.model ?? null; to.usage = data.message?.usage ?? null; }
    if (data.type === 'content_block_start' && data.content_block?.type === 'tool_use') to.tools.push({ at: data.index, name: data.content_block.name, args: '' });
    const delta = data.type === 'content_block_delta' ? data.delta : null;
    if (delta?.type === 'text_delta') to.text += delta.text;
    if (delta?.type === 'thinking_delta') to.reasoning += delta.thinking;
    if (delta?.type === 'input_json_delta') { const tool = to.tools.find((one) => one.at === data.index); if (tool) tool.args += delta.partial_json; }
    if (data.type === 'message_delta') { to.stop = data.delta?.stop_reason ?? to.stop; to.usage = { ...to.usage, ...data.usage }; }
    if (data.type === 'error') to.error = said(data.error);
  },
  whole(to, data) {
    for (const block of data.content || []) {
      if (block.type === 'text') to.text += block.text;
      if (block.type === 'thinking') to.reasoning += block.thinking;
      if (block.type === 'tool_use') to.tools.push({ name: block.name, args: JSON.stringify(block.input) });
    }
    Object.assign(to, { stop: data.stop_reason ?? null, usage: data.usage ?? null, model: data.model ?? null });
  },
};

const gemini = {
  event(to, data) {
    to.model = data.modelVersion ?? to.model;
    if (data.usageMetadata) to.usage = data.usageMetadata;
    const candidate = data.candidates?.[0];
    for (const part of candidate?.content?.parts || []) {
      if (part.functionCall) to.tools.push({ name: part.functionCall.name, args: JSON.stringify(part.functionCall.args ?? {}) });
      else if (part.thought) to.reasoning += part.text ?? '';
      else to.text += part.text ?? '';
    }
    if (candidate?.finishReason) to.stop = candidate.finishReason;
  },
  whole(to, data) { gemini.event(to, data); },
};

const READERS = { openai_chat: chat, openai_responses: responses, anthropic, gemini };

/** Reads an answer as it comes: `chunk(text)` for streams, `whole(text)` for the others; `answer` is what is known so far. */
export function reader(format) {
  const how = READERS[format] ?? chat;
  const answer = empty();
  let rest = '';
  const event = (block) => {
    const data = block.split(/\r?\n/).filter((line) => line.startsWith('data:')).map((line) => line.slice(5).trimStart()).join('\n');
    if (!data || data === '[DONE]') return;
    try {
      const json = JSON.parse(data);
      if (json.error && json.type !== 'error') answer.error = said(json.error);
      how.event(answer, json);
    } catch { /* an event that is no JSON: it is in the raw answer */ }
  };
  return {
    answer,
    /** Whether there is something to see. */
    spoke: () => !!(answer.text || answer.reasoning || answer.tools.length),
    chunk(text) {
      rest += text;
      const blocks = rest.split(/\r?\n\r?\n/);
      rest = blocks.pop();
      blocks.forEach(event);
    },
    end() { if (rest.trim()) event(rest); rest = ''; },
    whole(text) {
      try {
        const json = JSON.parse(text);
        if (json.error) answer.error = said(json.error);
        else if (json.problems || json.title) answer.error = json.detail || json.title;
        else how.whole(answer, json);
      } catch { answer.text = text; }
    },
  };
}
