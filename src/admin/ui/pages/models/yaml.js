/** An object as the configuration file says it. */
const PLAIN = /^[A-Za-z_][\w./-]*$/;
const WORDS = /^(?:true|false|null|yes|no|on|off|y|n|~)$/i;

const scalar = (value) => {
  if (typeof value !== 'string') return String(value);
  return PLAIN.test(value) && !WORDS.test(value) ? value : JSON.stringify(value);
};
const short = (value) => {
  if (Array.isArray(value)) return `[${value.length ? ` ${value.map(short).join(', ')} ` : ''}]`;
  if (value && typeof value === 'object') return `{${Object.keys(value).length ? ` ${Object.entries(value).map(([key, one]) => `${scalar(key)}: ${short(one)}`).join(', ')} ` : ''}}`;
  return scalar(value);
};

function lines(value, indent) {
  const pad = ' '.repeat(indent);
  return Object.entries(value).map(([key, one]) => {
    const line = `${pad}${scalar(key)}: ${short(one)}`;
    if (line.length <= 100 || !one || typeof one !== 'object') return line;
    if (Array.isArray(one)) return `${pad}${scalar(key)}:\n${one.map((item) => `${pad}  - ${short(item)}`).join('\n')}`;
    return `${pad}${scalar(key)}:\n${lines(one, indent + 2).join('\n')}`;
  });
}

/** @param {'providers'|'models'} section @param {object} body */
export function yaml(section, { name, ...body }) {
  return `gateway:\n  ${section}:\n    - name: ${scalar(name)}\n${lines(body, 6).join('\n')}\n`.replace(/\n+$/, '\n');
}
