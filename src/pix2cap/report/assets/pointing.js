// Pointing at a segment, in the picture or in the list, by pointer, touch or keyboard.
// The picture and its canvas share one box with `object-fit: contain`.
function pixelAt(card, event) {
  const box = card.picture.getBoundingClientRect();
  const width = Number(card.picture.getAttribute('width'));
  const height = Number(card.picture.getAttribute('height'));
  const scale = Math.min(box.width / width, box.height / height);
  const x = Math.floor((event.clientX - box.left - (box.width - width * scale) / 2) / scale);
  const y = Math.floor((event.clientY - box.top - (box.height - height * scale) / 2) / scale);
  return x < 0 || y < 0 || x >= width || y >= height ? null : [x, y];
}

function numberAt(card, event) {
  const pixel = card.map && pixelAt(card, event);
  return pixel ? card.map[pixel[1] * card.width + pixel[0]] : 0;
}

let litCard = null;

function light(card, number, origin) {
  if (card.lit === number) return;
  if (litCard && litCard !== card) light(litCard, 0, origin);
  litCard = number ? card : null;
  if (card.lit) rowOf(card, card.lit).element.classList.remove('lit');
  card.lit = number;
  card.element.classList.toggle('has-lit', number !== 0);
  const row = number ? rowOf(card, number) : null;
  if (row) {
    row.element.classList.add('lit');
    if (origin !== 'list') bringIntoList(card, row.element);
  }
  paint(card);
  showTip(card, row, origin);
  tell(card.element, 'hover', {
    imageId: Number(card.element.dataset.image),
    segmentId: row ? Number(row.segment) : null,
    caption: row?.element.querySelector('.caption')?.textContent ?? '',
    origin,
  });
  if (row && !card.map) {
    card.near = true;
    decode(card);
  } else if (!row && !card.near) forget(card);
}

let heldCard = null;

function hold(card, number) {
  const release = number === 0 || card.held === number;
  if (heldCard) rowOf(heldCard, heldCard.held).element.classList.remove('held');
  if (heldCard) heldCard.held = 0;
  heldCard = release ? null : card;
  card.held = release ? 0 : number;
  if (card.held) rowOf(card, number).element.classList.add('held');
}

// Only the list scrolls; the page stays where the reader put it.
function bringIntoList(card, row) {
  const list = card.list.getBoundingClientRect();
  const box = row.getBoundingClientRect();
  if (box.top < list.top) card.list.scrollTop += box.top - list.top - 8;
  else if (box.bottom > list.bottom) card.list.scrollTop += box.bottom - list.bottom + 8;
}

function showTip(card, row, origin) {
  card.tip.hidden = !row || origin === 'list';
  if (card.tip.hidden) return;
  const copies = [...row.element.querySelectorAll('.class, .badge, .caption')].map((node) => node.cloneNode(true));
  card.tip.replaceChildren(...copies);
  card.tip.style.setProperty('--colour', row.element.style.getPropertyValue('--colour'));
}

function placeTip(card, clientX, clientY) {
  if (card.tip.hidden) return;
  const frame = card.figure.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = card.tip;
  const x = clientX - frame.left;
  const y = clientY - frame.top;
  const left = Math.max(8, Math.min(frame.width - width - 8, x + 18));
  const below = y + 22 + height < Math.max(frame.height, window.innerHeight - frame.top - 8);
  card.tip.style.left = `${left}px`;
  card.tip.style.top = `${below ? y + 22 : y - height - 16}px`;
}

function tipAtSegment(card) {
  const box = card.boxes[card.lit - 1];
  if (!box) return;
  const frame = card.picture.getBoundingClientRect();
  const scale = Math.min(frame.width / card.width, frame.height / card.height);
  const left = frame.left + (frame.width - card.width * scale) / 2;
  const top = frame.top + (frame.height - card.height * scale) / 2;
  placeTip(card, left + scale * (box[0] + box[2]) / 2, top + scale * (box[1] + box[3]) / 2);
}

function walk(card, step) {
  const shown = card.rows.filter((row) => !row.element.hidden);
  if (!shown.length) return;
  const at = shown.findIndex((row) => row.number === card.lit);
  const next = at < 0 ? (step > 0 ? 0 : shown.length - 1) : (at + step + shown.length) % shown.length;
  light(card, shown[next].number, 'picture');
  tipAtSegment(card);
}

main.addEventListener('pointermove', (event) => {
  const card = cardOf(event.target);
  if (!card || !card.figure.contains(event.target) || card.held) return;
  light(card, numberAt(card, event), 'picture');
  placeTip(card, event.clientX, event.clientY);
});

main.addEventListener('pointerover', (event) => {
  const row = event.target.closest('.row');
  const card = row && cardOf(row);
  if (card && !card.held) light(card, Number(row.dataset.number), 'list');
});

main.addEventListener('pointerout', (event) => {
  const card = cardOf(event.target);
  const from = event.target.closest('.figure, .row');
  if (!card || card.held || !from || from.contains(event.relatedTarget)) return;
  const focused = card.element.querySelector('.row:focus-visible');
  light(card, focused ? Number(focused.dataset.number) : 0, 'list');
});

main.addEventListener('focusin', (event) => {
  const card = cardOf(event.target);
  if (card && event.target.classList.contains('row') && event.target.matches(':focus-visible')) {
    hold(card, 0);
    light(card, Number(event.target.dataset.number), 'list');
  }
});

main.addEventListener('focusout', (event) => {
  const card = cardOf(event.target);
  if (card && !card.held) light(card, 0, 'list');
});

main.addEventListener('click', (event) => {
  const card = cardOf(event.target);
  if (!card || window.getSelection()?.toString()) return;
  const row = event.target.closest('.row');
  const inPicture = card.figure.contains(event.target);
  if (!row && !inPicture) return;
  const number = row ? Number(row.dataset.number) : numberAt(card, event);
  hold(card, number);
  light(card, number, row ? 'list' : 'picture');
  if (inPicture) placeTip(card, event.clientX, event.clientY);
});

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target;
  if (event.key === 'Escape') {
    const card = heldCard ?? litCard;
    if (!card) return;
    hold(card, 0);
    light(card, 0, 'picture');
    return;
  }
  if (target.matches?.('input, select, button, summary')) return;
  const card = cardOf(target);
  const forward = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  if (card && forward && target === card.figure) walk(card, forward);
  else if (card && forward && target.matches('.row')) focusRow(card, target, forward);
  else if (card && event.key === 'Enter' && card.lit) hold(card, card.lit);
  else if (event.key === 'n' || event.key === 'p') focusPicture(card, event.key === 'n' ? 1 : -1);
  else if (event.key === '/') search.focus();
  else if (event.key === 's') tintButton.click();
  else if (event.key === 'g') gridButton.click();
  else return;
  event.preventDefault();
});

function focusRow(card, row, step) {
  const shown = card.rows.filter((each) => !each.element.hidden).map((each) => each.element);
  shown[shown.indexOf(row) + step]?.focus();
}

function focusPicture(card, step) {
  const shown = cards.filter((each) => !each.element.hidden);
  const inView = shown.findIndex((each) => each.element.getBoundingClientRect().bottom > 120);
  const at = card ? shown.indexOf(card) + step : inView;
  const next = shown[Math.max(0, Math.min(shown.length - 1, at))];
  next?.element.scrollIntoView({ block: 'start' });
  next?.figure.focus({ preventScroll: true });
}
