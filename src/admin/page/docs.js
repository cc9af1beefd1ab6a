// Shows /admin/api/v1/openapi.json: groups, calls, parameters, shapes, and a form to try each call.
const DOCUMENT = '/admin/api/v1/openapi.json';
const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
const WHOM = { admin: 'admins', viewer: 'whoever is logged in' };

const state = { document: null, csrf: null };

// An element with text and children; never markup from a string.
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== null) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function resolved(shape) {
  const seen = new Set();
  while (shape && shape.$ref && !seen.has(shape.$ref)) {
    seen.add(shape.$ref);
    shape = shape.$ref.slice(2).split('/').reduce((at, key) => (at || {})[key], state.document);
  }
  return shape || {};
}

function nameOf(shape) {
  if (!shape) return 'anything';
  if (shape.$ref) return shape.$ref.split('/').pop();
  if (shape.const !== undefined) return JSON.stringify(shape.const);
  if (shape.enum) return shape.enum.map((value) => JSON.stringify(value)).join(' | ');
  const either = shape.oneOf || shape.anyOf;
  if (either) return either.map(nameOf).join(' | ');
  if (shape.allOf) return shape.allOf.map(nameOf).join(' & ');
  const types = [].concat(shape.type || 'anything');
  return types.map((type) => (type === 'array' ? `list of ${nameOf(shape.items)}` : type)).join(' | ')
    + (shape.format ? ` (${shape.format})` : '');
}

// The members of a shape, with those of the shapes within it folded in.
function members(shape, depth = 0) {
  const whole = resolved(shape);
  for (const either of [whole.oneOf, whole.anyOf, whole.allOf]) {
    if (!either) continue;
    const parts = either.map((part) => members(part, depth + 1)).filter(Boolean);
    return parts.length ? make('div', {}, ...parts) : null;
  }
  if (whole.type === 'array' || [].concat(whole.type || []).includes('array')) return members(whole.items, depth);
  const properties = Object.entries(whole.properties || {});
  if (!properties.length || depth > 6) return null;
  const must = new Set(whole.required || []);
  return make('ul', { class: 'members' }, ...properties.map(([key, value]) => {
    const meant = resolved(value);
    const inner = members(value, depth + 1);
    const line = [
      make('code', {}, key), must.has(key) ? make('span', { class: 'must', title: 'required' }, '*') : null,
      ' ', make('span', { class: 'faint' }, nameOf(value)),
      meant.description || value.description ? make('p', {}, value.description || meant.description) : null,
    ];
    return make('li', {}, ...line, inner ? make('details', {}, make('summary', {}, nameOf(value)), inner) : null);
  }));
}

function contents(content) {
  return Object.entries(content || {}).map(([mediaType, { schema }]) => make('div', {},
    make('p', { class: 'faint' }, `${mediaType}: ${nameOf(schema)}`), members(schema)));
}

// A body to begin with.
function example(shape, depth = 0) {
  const whole = resolved(shape);
  if (whole.example !== undefined) return whole.example;
  if (whole.default !== undefined) return whole.default;
  if (whole.enum) return whole.enum[0];
  const either = whole.oneOf || whole.anyOf || whole.allOf;
  if (either) return example(either.find((part) => part.type !== 'null') || either[0], depth);
  switch ([].concat(whole.type || 'object').find((type) => type !== 'null')) {
    case 'string': return '';
    case 'integer': case 'number': return 0;
    case 'boolean': return false;
    case 'array': return [];
    default:
  }
  const must = new Set(whole.required || []);
  const asked = Object.entries(whole.properties || {}).filter(([key]) => must.has(key) && depth < 6);
  return Object.fromEntries(asked.map(([key, value]) => [key, example(value, depth + 1)]));
}

function parametersOf(operation, item) {
  return [...(item.parameters || []), ...(operation.parameters || [])].map(resolved);
}

function parameterTable(parameters) {
  if (!parameters.length) return null;
  const rows = parameters.map((parameter) => make('tr', {},
    make('td', {}, make('code', {}, parameter.name), parameter.required ? make('span', { class: 'must' }, '*') : null),
    make('td', {}, parameter.in), make('td', {}, nameOf(parameter.schema)), make('td', {}, parameter.description || '')));
  const head = ['name', 'in', 'shape', 'what'].map((word) => make('th', { scope: 'col' }, word));
  return make('div', {}, make('h3', {}, 'Parameters'), make('table', {}, make('tr', {}, ...head), ...rows));
}

function responses(operation) {
  const rows = Object.entries(operation.responses || {}).map(([status, response]) => {
    const whole = resolved(response);
    return make('tr', {}, make('td', {}, make('code', {}, status)),
      make('td', {}, whole.description || '', ...contents(whole.content)));
  });
  return make('div', {}, make('h3', {}, 'Answers'), make('table', {}, ...rows));
}

async function send(method, path, { parameters, body, fields, key }) {
  const query = new URLSearchParams();
  for (const parameter of parameters) {
    const value = fields[parameter.name].value;
    if (parameter.in === 'path') path = path.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (parameter.in === 'query' && value !== '') query.append(parameter.name, value);
  }
  const headers = {};
  if (key) headers.authorization = `Bearer ${key}`;
  else if (state.csrf) headers['x-csrf-token'] = state.csrf;
  if (body) headers['content-type'] = body.mediaType;
  for (const parameter of parameters.filter((one) => one.in === 'header')) {
    if (fields[parameter.name].value) headers[parameter.name] = fields[parameter.name].value;
  }
  const asked = query.size ? `${path}?${query}` : path;
  const begun = performance.now();
  const answer = await fetch(asked, { method: method.toUpperCase(), headers, body: body ? body.text : undefined });
  const stream = (answer.headers.get('content-type') || '').startsWith('text/event-stream');
  return { asked, answer, stream, took: Math.round(performance.now() - begun) };
}

async function show({ asked, answer, stream, took }, place) {
  const head = make('p', {}, make('code', {}, asked), ` ${answer.status} ${answer.statusText}, ${took} ms`);
  const text = make('pre', {});
  place.replaceChildren(head, text);
  if (stream) {
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    place.append(make('button', { type: 'button', onclick: () => reader.cancel() }, 'Stop'));
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      text.append(value);
    }
  }
  const body = await answer.text();
  try {
    const value = JSON.parse(body);
    if (value && typeof value.csrf === 'string') state.csrf = value.csrf;
    text.textContent = JSON.stringify(value, null, 2);
  } catch {
    text.textContent = body.slice(0, 100000);
  }
}

function tryIt(method, path, operation, parameters) {
  const fields = {};
  const inputs = parameters.map((parameter) => {
    fields[parameter.name] = make('input', { name: parameter.name, required: parameter.required ? '' : null });
    return make('label', {}, `${parameter.name} `, fields[parameter.name]);
  });
  const [mediaType, content] = Object.entries((resolved(operation.requestBody) || {}).content || {})[0] || [];
  const text = mediaType ? make('textarea', { 'aria-label': 'Body', spellcheck: 'false' }) : null;
  if (text) text.value = JSON.stringify(example(content.schema), null, 2);
  const place = make('div', { 'aria-live': 'polite' });
  const submit = async (event) => {
    event.preventDefault();
    const key = document.querySelector('#key input').value.trim();
    const body = text ? { mediaType, text: text.value } : null;
    try {
      await show(await send(method, path, { parameters, body, fields, key }), place);
    } catch (error) {
      place.replaceChildren(make('pre', {}, String(error)));
    }
    whoAmI();
  };
  return make('details', { class: 'try' }, make('summary', {}, 'Try it'),
    make('form', { onsubmit: submit }, ...inputs, text, make('button', {}, 'Send')), place);
}

function whom(operation) {
  const roles = (operation.security || []).flatMap((need) => Object.values(need).flat());
  return roles.length ? `for ${WHOM[roles[0]] || roles[0]}` : 'for everybody';
}

function call(path, method, item) {
  const operation = item[method];
  const parameters = parametersOf(operation, item);
  const body = resolved(operation.requestBody);
  const fill = () => [
    operation.description ? make('p', {}, operation.description) : null,
    parameterTable(parameters),
    body.content ? make('div', {}, make('h3', {}, 'Body'), ...contents(body.content)) : null,
    responses(operation), tryIt(method, path, operation, parameters),
  ].filter(Boolean);
  const inside = make('div');
  const details = make('details', { class: 'call', id: `${method}${path}` }, make('summary', {},
    make('span', { class: `method ${method}` }, method.toUpperCase()), make('span', { class: 'path' }, path),
    make('span', {}, operation.summary || ''), make('span', { class: 'whom' }, whom(operation))), inside);
  details.addEventListener('toggle', () => {
    if (details.open && !inside.childElementCount) inside.append(...fill());
  });
  details.dataset.text = [path, method, operation.summary, operation.description].join(' ').toLowerCase();
  return details;
}

function draw() {
  const groups = new Map((state.document.tags || []).map((tag) => [tag.name, { tag, calls: [] }]));
  for (const [path, item] of Object.entries(state.document.paths)) {
    for (const method of METHODS.filter((one) => item[one])) {
      const name = (item[method].tags || ['other'])[0];
      if (!groups.has(name)) groups.set(name, { tag: { name }, calls: [] });
      groups.get(name).calls.push(call(path, method, item));
    }
  }
  const there = [...groups.values()].filter((group) => group.calls.length);
  document.querySelector('#about').textContent = `${state.document.info.description} Version ${state.document.info.version}.`;
  document.querySelector('#groups').replaceChildren(...there.map(({ tag }) => make('a', { href: `#${tag.name}` }, tag.name)));
  document.querySelector('#calls').replaceChildren(...there.map(({ tag, calls }) => make('section', {},
    make('h2', { id: tag.name }, tag.name), make('p', { class: 'faint' }, tag.description || ''), ...calls)));
}

function find(event) {
  const wanted = event.target.value.toLowerCase();
  for (const section of document.querySelectorAll('#calls section')) {
    let found = 0;
    for (const details of section.querySelectorAll('details.call')) {
      details.hidden = !details.dataset.text.includes(wanted);
      found += details.hidden ? 0 : 1;
    }
    section.hidden = !found;
  }
}

async function whoAmI() {
  const who = document.querySelector('#who');
  const answer = await fetch('/admin/api/v1/session').catch(() => null);
  const told = answer && answer.ok ? await answer.json() : null;
  const session = told && told.account ? told : null;
  state.csrf = session ? session.csrf : null;
  who.textContent = session ? `logged in as ${session.account} (${session.role})` : '';
}

document.querySelector('#key').addEventListener('submit', (event) => event.preventDefault());
document.querySelector('#find').addEventListener('input', find);
try {
  state.document = await (await fetch(DOCUMENT)).json();
  draw();
} catch (error) {
  document.querySelector('#calls').replaceChildren(make('p', {}, `The document cannot be shown: ${error}`));
}
whoAmI();
