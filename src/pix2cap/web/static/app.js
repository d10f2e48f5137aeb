// What every page does: events, announcements, theme, reviewer's name, dialogs, and requests to the server.
import { byId, memory, shell } from './dom.js';
import { listen } from './keys.js';

// Tests and extensions follow the page by these events.
export function tell(name, detail) {
  document.documentElement.dataset.event = name;
  document.dispatchEvent(new CustomEvent(`pix2cap:${name}`, { detail }));
}

export function say(text) {
  byId('say').textContent = text;
}

export class Refused extends Error {
  constructor(status, answer) {
    super(answer.error ?? `the server answered ${status}`);
    this.status = status;
    this.answer = answer;
  }
}

let token = document.querySelector('meta[name="csrf"]').content;

// POST JSON. Throws TypeError when the server does not answer, Refused when it says no.
export async function post(address, body, signal = undefined) {
  let reply = await send(address, body, signal);
  // A server that was started again hands out another token: it stands on this page as served now.
  if (reply.status === 403 && await freshToken()) reply = await send(address, body, signal);
  const answer = await answerOf(reply);
  if (!reply.ok) throw new Refused(reply.status, answer);
  return answer;
}

const send = (address, body, signal) => fetch(address, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json', 'X-Pix2cap-Token': token },
  body: JSON.stringify(body),
  signal,
});

async function answerOf(reply) {
  try { return await reply.json(); } catch (error) {
    if (reply.ok) throw new TypeError('the answer was cut off', { cause: error });
    return {};
  }
}

async function freshToken() {
  const reply = await fetch(location.href, { cache: 'no-store' });
  if (!reply.ok) return false;
  const page = new DOMParser().parseFromString(await reply.text(), 'text/html');
  const fresh = page.querySelector('meta[name="csrf"]')?.content;
  if (!fresh || fresh === token) return false;
  token = fresh;
  return true;
}

const SCHEMES = ['auto', 'light', 'dark'];

function theme() {
  const show = (scheme) => {
    if (scheme === 'auto') delete document.documentElement.dataset.scheme;
    else document.documentElement.dataset.scheme = scheme;
    byId('scheme-name').textContent = scheme;
  };
  show(SCHEMES.includes(memory.get('scheme')) ? memory.get('scheme') : 'auto');
  byId('scheme').addEventListener('click', () => {
    const now = document.documentElement.dataset.scheme ?? 'auto';
    const next = SCHEMES[(SCHEMES.indexOf(now) + 1) % SCHEMES.length];
    memory.set('scheme', next);
    show(next);
    say(`Theme: ${next}`);
  });
}

function reviewer() {
  const dialog = byId('who-dialog');
  if (!dialog) return;
  const problem = byId('who-problem');
  byId('who').addEventListener('click', () => {
    byId('who-input').value = shell.reviewer;
    problem.hidden = true;
    dialog.showModal();
    byId('who-input').select();
  });
  byId('who-cancel').addEventListener('click', () => dialog.close());
  byId('who-form').addEventListener('submit', async (event) => {
    event.preventDefault();
    try {
      const answer = await post('/api/reviewer', { name: byId('who-input').value.trim() });
      shell.reviewer = answer.reviewer;
      byId('who-name').textContent = answer.reviewer;
      dialog.close();
      tell('reviewer', { reviewer: answer.reviewer });
    } catch (error) {
      problem.textContent = error instanceof Refused ? error.message : 'The server does not answer.';
      problem.hidden = false;
    }
  });
}

function showKeys() {
  const dialog = byId('keys-dialog');
  if (!dialog) location.href = '/help';
  else if (dialog.open) dialog.close();
  else dialog.showModal();
}

// Every page begins with this; `actions` maps names of the keyboard table to what is done.
export function start(actions) {
  theme();
  reviewer();
  byId('keys-link').addEventListener('click', (event) => {
    if (!byId('keys-dialog')) return;
    event.preventDefault();
    showKeys();
  });
  listen({ help: showKeys, ...actions });
}
