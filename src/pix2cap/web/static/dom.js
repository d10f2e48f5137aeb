// Building parts of a page. Text only ever becomes text: there is no way to put markup in.
export const byId = (id) => document.getElementById(id);

// What every page is told, and what this one is.
export const shell = JSON.parse(byId('shell').textContent);
export const data = JSON.parse(byId('data').textContent);

// An element with a class and children; a child that is no node becomes a text node, null is left out.
export function el(tag, className, ...children) {
  const [name, id] = tag.split('#');
  const element = document.createElement(name);
  if (className) element.className = className;
  if (id) element.id = id;
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ''));
  return element;
}

export function button(label, key, action, className = 'button') {
  const element = el('button', className, label, key ? el('kbd', '', key) : null);
  element.type = 'button';
  element.dataset.action = action;
  return element;
}

export const words = (status) => String(status).replaceAll('_', ' ');

export const plural = (n, one, many) => `${n.toLocaleString('en')} ${n === 1 ? one : many}`;

// When something was, for a person; the exact time is in the title.
export function when(at) {
  const date = new Date(at);
  const element = el('time', 'when', ago(date));
  element.dateTime = at;
  element.title = date.toLocaleString();
  return element;
}

function ago(date) {
  const minutes = Math.floor((Date.now() - date.getTime()) / 60000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ago`;
  return date.toLocaleDateString(undefined, { year: 'numeric', month: 'short', day: 'numeric' });
}

// Read and written where the browser lets us; a locked-down one forgets, and works.
export const memory = {
  get(key) {
    try { return localStorage.getItem(`pix2cap:${key}`); } catch { return null; }
  },
  set(key, value) {
    try { localStorage.setItem(`pix2cap:${key}`, value); return true; } catch { return false; }
  },
};
