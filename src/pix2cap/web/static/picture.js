// One picture: its segments are looked at, chosen and decided on.
import { say, start, tell } from './app.js';
import { byId, data as image, el, memory, shell, words } from './dom.js';
import { Decisions } from './decide.js';
import { editForm, reasonForm } from './editor.js';
import { DONE, panel } from './panel.js';
import { Stage } from './stage.js';

const readOnly = shell.read_only || image.read_only;
const segments = new Map(image.segments.map((segment) => [segment.id, segment]));
const order = image.segments.map((segment) => segment.id);
const rows = new Map([...byId('segments').children].map((row) => [Number(row.dataset.segment), row]));
const detail = byId('detail');

let chosen = 0;
let form = null;
// The segment decided on last, as long as nobody has moved since: what `u` takes back.
let justDecided = 0;

const stage = new Stage({ hover: (id) => lightRow(id), choose: (id) => choose(id) });
const decisions = new Decisions(onChange);

// The server's record with a decision on its way laid over it.
function shown(id) {
  const segment = segments.get(id);
  const entry = decisions.of(image.image_id, id);
  if (!entry || entry.state !== 'waiting') return segment;
  if (entry.action === 'accept') return { ...segment, status: 'captioned' };
  if (entry.action === 'edit') return { ...segment, status: 'captioned', text: entry.text };
  if (entry.action === 'reject') return { ...segment, status: 'rejected', reason: entry.reason };
  if (entry.action === 'ask_again') return { ...segment, status: 'pending', reason: entry.reason };
  return segment;
}

function lightRow(id) {
  for (const [each, row] of rows) row.classList.toggle('lit', each === id);
}

function choose(id, { focus = false, byHand = true } = {}) {
  if (!segments.has(id)) return;
  if (form && id !== chosen) closeForm();
  if (byHand) justDecided = 0;
  chosen = id;
  for (const [each, row] of rows) {
    row.setAttribute('aria-selected', String(each === id));
    row.tabIndex = each === id ? 0 : -1;
  }
  const row = rows.get(id);
  bringIntoView(row);
  if (focus) row.focus({ preventScroll: true });
  stage.mark(id);
  drawPanel();
  const address = new URL(location.href);
  address.searchParams.set('segment', id);
  history.replaceState(null, '', address);
  tell('segment', { segmentId: id });
}

// Only the list scrolls, never the page.
function bringIntoView(row) {
  const list = byId('segments');
  if (list.scrollHeight <= list.clientHeight) return;
  const [outer, inner] = [list.getBoundingClientRect(), row.getBoundingClientRect()];
  if (inner.top < outer.top) list.scrollTop += inner.top - outer.top - 8;
  else if (inner.bottom > outer.bottom) list.scrollTop += inner.bottom - outer.bottom + 8;
}

function drawRow(id) {
  const row = rows.get(id);
  const now = shown(id);
  const entry = decisions.of(image.image_id, id);
  row.dataset.status = now.status;
  const mark = row.querySelector('.badge');
  mark.className = `badge status-${now.status}`;
  mark.textContent = words(now.status);
  row.querySelector('.caption').textContent = now.text || now.reason || '';
  const verdict = row.querySelector('.verdict');
  const { decision, conflict } = segments.get(id);
  verdict.textContent = entry ? { waiting: 'saving', conflict: 'not saved', refused: 'not saved' }[entry.state]
    : conflict ? 'disagreed' : decision ? DONE[decision.action] : '';
  verdict.dataset.state = entry?.state ?? (conflict ? 'conflict' : decision ? 'decided' : '');
}

function drawCount() {
  if (readOnly) return;
  const done = order.filter((id) => isDecided(id)).length;
  byId('decided-count').textContent = `${done} decided`;
}

const isDecided = (id) => segments.get(id).decision !== null || decisions.of(image.image_id, id) !== null;

function drawPanel() {
  if (!segments.has(chosen)) return;
  const entry = decisions.of(image.image_id, chosen);
  // Drawing again must not take the focus away from the button that was pressed.
  const pressed = detail.contains(document.activeElement) ? document.activeElement.dataset.action : null;
  const place = `${order.indexOf(chosen) + 1} of ${order.length}`;
  const parts = panel({ segment: segments.get(chosen), shown: shown(chosen), entry, place, readOnly, form: form?.form });
  detail.replaceChildren(...parts);
  if (pressed) {
    const same = detail.querySelector(`[data-action="${pressed}"]:not(:disabled)`);
    (same ?? detail.querySelector('h2')).focus({ preventScroll: true });
  }
}

function onChange(entry, segment) {
  if (entry.image_id !== image.image_id || !segments.has(entry.segment_id)) return;
  if (segment) segments.set(segment.id, { ...segments.get(segment.id), ...segment });
  drawRow(entry.segment_id);
  drawCount();
  stage.segments = new Map(order.map((id) => [id, shown(id)]));
  if (entry.segment_id === chosen && !form) drawPanel();
  const name = segments.get(entry.segment_id).class;
  if (entry.state === 'conflict') {
    say(`Not saved: somebody else decided on ${name} in the meantime.`);
    if (!form) choose(entry.segment_id);
  } else if (entry.state === 'refused') say(`Not saved: ${entry.problem}`);
  else if (entry.state === 'saved') say(`Saved: ${name} ${DONE[entry.action]}.`);
}

function closeForm() {
  if (!form) return;
  form = null;
  drawPanel();
  rows.get(chosen)?.focus({ preventScroll: true });
}

function openForm(made) {
  form = made;
  drawPanel();
  form.focus();
  made.form.scrollIntoView({ block: 'nearest' });
}

function decide(id, action, more = {}) {
  form = null;
  stage.light(0);
  decisions.add({
    image_id: image.image_id,
    segment_id: id,
    action,
    text: action === 'undo' ? null : more.text ?? shown(id).text ?? null,
    reason: more.reason ?? null,
    based_on: segments.get(id).latest ?? 0,
  });
  if (action === 'undo') {
    choose(id);
    return;
  }
  const next = goesOn() ? nextOpen(id) : 0;
  if (next) choose(next, { byHand: false, focus: rows.get(id) === document.activeElement });
  else {
    drawPanel();
    if (goesOn()) say('Every segment of this picture is decided.');
  }
  justDecided = id;
}

const goesOn = () => memory.get('stay') !== 'yes';

// The next segment after this one that nobody decided and that the filter keeps.
function nextOpen(id) {
  const at = order.indexOf(id);
  const onward = [...order.slice(at + 1), ...order.slice(0, at)];
  const open = onward.filter((each) => !isDecided(each) && !segments.get(each).is_crowd);
  return open.find((each) => segments.get(each).matches !== false) ?? 0;
}

function isAllowed(action) {
  if (readOnly) {
    say('This is a dataset, not a run: nothing can be changed here.');
    return false;
  }
  if (!segments.has(chosen)) return false;
  const { can } = segments.get(chosen);
  const waiting = decisions.of(image.image_id, chosen) !== null;
  if (can && !waiting && !can.includes(action)) {
    say(`${segments.get(chosen).class}: cannot be ${DONE[action]} as it stands.`);
    return false;
  }
  return true;
}

const ask = {
  accept: () => isAllowed('accept') && decide(chosen, 'accept'),
  edit: () => isAllowed('edit') && openForm(editForm({
    imageId: image.image_id,
    segment: segments.get(chosen),
    text: shown(chosen).text ?? '',
    submit: (text) => decide(chosen, 'edit', { text }),
    cancel: closeForm,
  })),
  reject: () => isAllowed('reject') && openForm(reasonForm({
    title: 'Reject this caption',
    label: 'Why? (optional)',
    primary: 'Reject',
    submit: (reason) => decide(chosen, 'reject', { reason }),
    cancel: closeForm,
  })),
  ask_again: () => isAllowed('ask_again') && openForm(reasonForm({
    title: 'Ask the model again',
    label: 'What should it mend? (optional; the model is told)',
    primary: 'Ask again',
    submit: (reason) => decide(chosen, 'ask_again', { reason }),
    cancel: closeForm,
  })),
  undo: () => {
    if (readOnly) {
      isAllowed('undo');
      return;
    }
    const id = justDecided || chosen;
    const can = segments.get(id)?.can;
    const waiting = decisions.of(image.image_id, id);
    if (waiting && waiting.state !== 'waiting') settle.drop(waiting);
    else if (justDecided || waiting || !can || can.includes('undo')) decide(id, 'undo');
    else say('There is no decision of yours to take back here.');
  },
};

// What can be done about a decision that was not stored.
const settle = {
  resend: (entry) => decisions.again(entry),
  overrule: (entry) => decisions.again(entry, { based_on: entry.standing.latest }),
  keep_both: (entry) => decisions.again(entry, { anyway: true }),
  drop: (entry) => decisions.drop(entry),
};

function onButton(event) {
  const action = event.target.closest('[data-action]')?.dataset.action;
  if (!action) return;
  const entry = decisions.of(image.image_id, chosen);
  if (settle[action] && entry) {
    settle[action](entry);
    drawRow(chosen);
    drawCount();
    drawPanel();
  } else ask[action]?.();
}

function step(by) {
  // The pointer may rest on another segment: what a key chooses is not to be hidden by it.
  stage.light(0);
  const at = order.indexOf(chosen);
  const next = at < 0 ? (by > 0 ? 0 : order.length - 1) : (at + by + order.length) % order.length;
  if (order.length) choose(order[next], { focus: true });
}

function follow(id) {
  const link = byId(id);
  if (link) location.href = link.href;
  else say(id === 'next' ? 'This is the last picture.' : 'This is the first picture.');
}

function listenToList() {
  const list = byId('segments');
  list.addEventListener('pointerover', (event) => {
    stage.light(Number(event.target.closest('.row')?.dataset.segment ?? 0));
  });
  list.addEventListener('pointerleave', () => stage.light(0));
  list.addEventListener('click', (event) => {
    const row = event.target.closest('.row');
    if (row) choose(Number(row.dataset.segment), { focus: true });
  });
  list.addEventListener('keydown', (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === 'Home' && order.length) choose(order[0], { focus: true });
    else if (event.key === 'End' && order.length) choose(order.at(-1), { focus: true });
    else if (by) step(by);
    else return;
    event.preventDefault();
  });
}

// What others decided shows up when one comes back to the page.
async function refresh() {
  if (document.visibilityState !== 'visible' || form) return;
  try {
    const reply = await fetch(`/api/image/${image.image_id}`);
    if (!reply.ok) return;
    const fresh = await reply.json();
    for (const segment of fresh.segments) segments.set(segment.id, { ...segments.get(segment.id), ...segment, matches: segments.get(segment.id)?.matches });
    order.forEach(drawRow);
    drawCount();
    if (!form) drawPanel();
    tell('refreshed', {});
  } catch {
    // The server is away: what is on the page stays, and saving says so.
  }
}

function goOnSwitch() {
  if (readOnly) return;
  const box = el('input#go-on');
  box.type = 'checkbox';
  box.checked = goesOn();
  box.addEventListener('change', () => memory.set('stay', box.checked ? '' : 'yes'));
  const label = el('label', 'switch small', box, ' go on after deciding');
  byId('segments').before(label);
}

function search() {
  const address = new URL('/', location.href);
  address.search = new URL(byId('home').href).search;
  address.hash = 'q';
  location.href = address.href;
}

start({
  ...stage.actions,
  ...ask,
  next_segment: () => step(1),
  previous_segment: () => step(-1),
  next_image: () => follow('next'),
  previous_image: () => follow('previous'),
  gallery: () => { location.href = byId('home').href; },
  search,
});
detail.addEventListener('click', onButton);
document.addEventListener('visibilitychange', refresh);
// What can be taken back depends on who is asking.
document.addEventListener('pix2cap:reviewer', refresh);
listenToList();
goOnSwitch();
order.forEach(drawRow);
drawCount();
if (image.selected !== null) choose(image.selected, { byHand: false });
stage.show(image, image.segments).then((error) => {
  if (error) say(error.message);
  stage.segments = new Map(order.map((id) => [id, shown(id)]));
  if (chosen) stage.mark(chosen);
  tell('ready', { page: 'picture', imageId: image.image_id, segments: order.length });
  decisions.pump();
  if (image.next !== null) new Image().src = `/pixels/${image.next}.jpg`;
});
