// Sorting and finding categories; page_tabs.js comes first.
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

root.dataset.ready = 'true';
tell('ready', { categories: document.querySelectorAll('.by-category tbody tr').length });
