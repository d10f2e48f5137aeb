// All pictures: the filters apply as they are changed, and the address always says what is shown.
import { say, start, tell } from './app.js';
import { Decisions } from './decide.js';
import { byId } from './dom.js';

const PAUSE_MS = 250;
let asking = null;

// The address of a form's state: empty fields are left out, so that a permalink is short.
function addressOf(form) {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value !== '') query.append(name, value);
  const asked = query.toString();
  return asked ? `/?${asked}` : '/';
}

// Takes the page at an address and puts its pictures, counts and choices in place of these.
async function show(address, { push = true, keep = null } = {}) {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  byId('cards').setAttribute('aria-busy', 'true');
  try {
    const reply = await fetch(address, { signal, cache: 'no-store' });
    if (!reply.ok) throw new Error(`the server answered ${reply.status}`);
    const page = new DOMParser().parseFromString(await reply.text(), 'text/html');
    if (signal.aborted) return;
    const focused = keep ?? document.activeElement?.id;
    const typed = byId('q').value;
    byId('main').replaceChildren(...page.getElementById('main').childNodes);
    if (keep) byId('q').value = typed;
    document.title = page.title;
    if (push) history.pushState(null, '', address);
    const again = focused ? byId(focused) : null;
    again?.focus({ preventScroll: true });
    if (keep) byId('q').setSelectionRange(typed.length, typed.length);
    listen();
    say(byId('found').textContent);
    tell('filter', { address, found: byId('found').textContent });
  } catch (error) {
    if (signal.aborted) return;
    byId('cards').removeAttribute('aria-busy');
    say('The server does not answer. The pictures are as they were.');
    byId('found').textContent = 'The server does not answer; these are the pictures of before.';
    tell('failed', { problem: String(error) });
  }
}

function listen() {
  const form = byId('filters');
  let timer = 0;
  byId('apply').hidden = true;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    clearTimeout(timer);
    show(addressOf(form));
  });
  form.addEventListener('change', (event) => {
    if (event.target.id === 'q') return;
    clearTimeout(timer);
    show(addressOf(form));
  });
  byId('q').addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(() => show(addressOf(form), { keep: 'q' }), PAUSE_MS);
  });
  byId('more').addEventListener('toggle', (event) => {
    if (event.target.open !== byId('more').open) return;
    document.documentElement.dataset.more = event.target.open ? 'open' : '';
  });
  if (document.documentElement.dataset.more === 'open') byId('more').open = true;
}

// Links that only change the filters stay on this page.
document.addEventListener('click', (event) => {
  const link = event.target.closest('a');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  if (!link.closest('main') || link.origin !== location.origin || link.pathname !== '/') return;
  event.preventDefault();
  show(link.href).then(() => { if (link.rel) window.scrollTo(0, 0); });
});

window.addEventListener('popstate', () => show(location.href, { push: false }));

function turn(rel) {
  const link = document.querySelector(`.pages a[rel="${rel}"]`);
  if (link) show(link.href).then(() => window.scrollTo(0, 0));
  else say(rel === 'next' ? 'This is the last page.' : 'This is the first page.');
}

// From picture to picture by arrow keys.
function walk(event) {
  const tiles = [...document.querySelectorAll('.tile a')];
  const at = tiles.indexOf(document.activeElement);
  if (at < 0) return;
  const row = tiles.filter((tile) => tile.offsetTop === tiles[0].offsetTop).length;
  const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: row, ArrowUp: -row }[event.key];
  if (!by || !tiles[at + by]) return;
  event.preventDefault();
  tiles[at + by].focus();
}

function search() {
  byId('q').focus();
  byId('q').select();
}

start({ search, next_image: () => turn('next'), previous_image: () => turn('prev') });
listen();
document.addEventListener('keydown', walk);
if (location.hash === '#q') search();
new Decisions(() => {}).pump();
tell('ready', { page: 'grid', found: byId('found').textContent });
