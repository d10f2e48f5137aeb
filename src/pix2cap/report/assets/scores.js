// Sorting and finding categories, switching between kinds of captions, and the colour scheme.
const root = document.documentElement;
const tell = (name, detail) => document.dispatchEvent(new CustomEvent(`pix2cap:${name}`, { detail }));

function sortBy(button) {
  const key = button.dataset.sort;
  const head = button.closest('th');
  const before = head.getAttribute('aria-sort');
  // Names start with A, numbers with the highest; the same heading again turns the order round.
  const falling = before === 'none' ? key !== 'name' : before === 'ascending';
  for (const other of head.parentElement.children) other.setAttribute('aria-sort', 'none');
  head.setAttribute('aria-sort', falling ? 'descending' : 'ascending');
  const body = head.closest('table').tBodies[0];
  const missing = (row) => key !== 'name' && Number(row.dataset[key]) <= -1000;
  const order = key === 'name'
    ? (a, b) => a.dataset.name.localeCompare(b.dataset.name, 'en')
    : (a, b) => Number(a.dataset[key]) - Number(b.dataset[key]);
  const rows = [...body.rows].sort((a, b) => missing(a) - missing(b) || (falling ? -order(a, b) : order(a, b)));
  body.append(...rows);
  tell('sort', { key, falling });
}

for (const button of document.querySelectorAll('[data-sort]')) button.addEventListener('click', () => sortBy(button));

const find = document.getElementById('find');
find.addEventListener('input', () => {
  const wanted = find.value.trim().toLocaleLowerCase();
  let shown = 0;
  for (const row of document.querySelectorAll('.by-category tbody tr')) {
    row.hidden = !row.dataset.name.toLocaleLowerCase().includes(wanted);
    shown += row.hidden ? 0 : 1;
  }
  document.getElementById('nothing').hidden = shown > 0;
  tell('filter', { categories: shown });
});

const tabs = [...document.querySelectorAll('[role=tab]')];
function choose(tab) {
  for (const each of tabs) {
    const on = each === tab;
    each.setAttribute('aria-selected', String(on));
    each.tabIndex = on ? 0 : -1;
    document.getElementById(each.getAttribute('aria-controls')).hidden = !on;
  }
}
for (const [at, tab] of tabs.entries()) {
  tab.addEventListener('click', () => choose(tab));
  tab.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(at + step + tabs.length) % tabs.length];
    choose(next);
    next.focus();
    event.preventDefault();
  });
}
// Without script all kinds stand one below the other.
if (tabs.length) choose(tabs[0]);

const schemeButton = document.getElementById('scheme');
schemeButton.addEventListener('click', () => {
  const next = { auto: 'light', light: 'dark', dark: 'auto' }[root.dataset.scheme ?? 'auto'];
  root.dataset.scheme = next;
  schemeButton.textContent = `Theme: ${next}`;
});

root.dataset.ready = 'true';
tell('ready', { categories: document.querySelectorAll('.by-category tbody tr').length });
