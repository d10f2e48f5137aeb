// Search, filters, views, the class table; then the page starts.
// A search term fits the beginning of a word; scripts without spaces between words fit anywhere.
function matcher(term) {
  const plain = term.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(/^[\p{Script=Latin}\p{N}]/u.test(term) ? `(?<![\\p{L}\\p{N}])${plain}` : plain, 'iu');
}

function filter() {
  const terms = search.value.toLocaleLowerCase().split(/\s+/).filter(Boolean).map(matcher);
  const statuses = new Set(chips.filter((chip) => chip.getAttribute('aria-pressed') === 'true').map((chip) => chip.dataset.status));
  const wanted = classes.value;
  const all = !terms.length && !statuses.size && !wanted;
  let rows = 0;
  let pictures = 0;
  for (const card of cards) {
    let here = 0;
    for (const row of card.rows) {
      const fits = (!statuses.size || statuses.has(row.status)) && (!wanted || row.className === wanted)
        && terms.every((term) => term.test(row.words));
      row.element.hidden = !fits;
      here += fits ? 1 : 0;
    }
    card.element.hidden = !all && !here;
    rows += here;
    pictures += card.element.hidden ? 0 : 1;
  }
  const number = (count, noun) => `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
  found.textContent = all ? '' : `${number(rows, 'segment')} in ${number(pictures, 'picture')}`;
  document.getElementById('nothing').hidden = pictures > 0 || !cards.length;
  emphasise(terms);
  tell(document, 'filter', { segments: rows, pictures });
}

// Found words are marked by ranges: the captions' own nodes stay as they were written.
function emphasise(terms) {
  if (!('highlights' in CSS)) return;
  const ranges = [];
  for (const card of terms.length ? cards : []) {
    for (const row of card.element.hidden ? [] : card.rows) {
      const text = row.element.hidden ? null : row.element.querySelector('.caption')?.firstChild;
      for (const term of text ? terms : []) {
        const match = term.exec(text.data);
        if (!match) continue;
        const range = new Range();
        range.setStart(text, match.index);
        range.setEnd(text, match.index + match[0].length);
        ranges.push(range);
      }
    }
    if (ranges.length > 3000) break;
  }
  CSS.highlights.set('found', new Highlight(...ranges));
}

let waiting = 0;
const filterSoon = () => {
  clearTimeout(waiting);
  waiting = setTimeout(filter, 60);
};
const toggle = (button) => {
  const on = button.getAttribute('aria-pressed') !== 'true';
  button.setAttribute('aria-pressed', String(on));
  return on;
};
const showPictures = () => document.getElementById('bar').scrollIntoView({ block: 'start' });

search.addEventListener('input', filterSoon);
classes.addEventListener('change', filter);
for (const chip of chips) chip.addEventListener('click', () => { toggle(chip); filter(); });
for (const word of document.querySelectorAll('.word')) {
  word.addEventListener('click', () => { search.value = word.dataset.word; filter(); showPictures(); });
}
for (const link of document.querySelectorAll('.link[data-class]')) {
  link.addEventListener('click', () => { classes.value = link.dataset.class; filter(); showPictures(); });
}
document.getElementById('clear').addEventListener('click', () => {
  search.value = classes.value = '';
  for (const chip of chips) chip.setAttribute('aria-pressed', 'false');
  filter();
  search.focus();
});
tintButton.addEventListener('click', () => {
  toggle(tintButton);
  for (const card of cards) paint(card);
});
gridButton.addEventListener('click', () => main.classList.toggle('grid', toggle(gridButton)));
schemeButton.addEventListener('click', () => {
  const next = { auto: 'light', light: 'dark', dark: 'auto' }[root.dataset.scheme ?? 'auto'];
  root.dataset.scheme = next;
  schemeButton.textContent = `Theme: ${next}`;
});

for (const button of document.querySelectorAll('[data-sort]')) {
  button.addEventListener('click', () => {
    const head = button.closest('th');
    const column = [...head.parentElement.children].indexOf(head);
    const down = head.getAttribute('aria-sort') !== 'descending' && button.dataset.sort === 'number';
    const up = head.getAttribute('aria-sort') === 'ascending';
    for (const other of head.parentElement.children) other.setAttribute('aria-sort', 'none');
    const falling = button.dataset.sort === 'number' ? down : up;
    head.setAttribute('aria-sort', falling ? 'descending' : 'ascending');
    const body = head.closest('table').tBodies[0];
    const value = (row) => row.children[column].textContent.trim();
    const order = button.dataset.sort === 'number'
      ? (a, b) => Number(value(a).replaceAll(',', '')) - Number(value(b).replaceAll(',', ''))
      : (a, b) => value(a).localeCompare(value(b), 'en');
    body.append(...[...body.rows].sort((a, b) => (falling ? -order(a, b) : order(a, b))));
  });
}

const eye = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const card = byElement.get(target);
    card.near = isIntersecting;
    if (isIntersecting) {
      colourRows(card);
      decode(card);
    } else forget(card);
  }
}, { rootMargin: '500px 0px' });
for (const card of cards) eye.observe(card.element);

root.dataset.ready = 'true';
tell(document, 'ready', { pictures: cards.length });
