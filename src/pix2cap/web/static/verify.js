// One caption after the other: is what it says true? An answer counts when the server has stored it.
import { post, Refused, say, start, tell } from './app.js';
import { newToken } from './decide.js';
import { byId, data } from './dom.js';
import { Stage } from './stage.js';

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;

const form = byId('verdict');
const axes = [...form.querySelectorAll('.axis')];
const stage = new Stage();
// Captions answered in this visit, to go back to.
const trail = [];

let item = data.item;
let at = 0;
let token = newToken();
let saving = false;

const answerOf = (axis) => axis.querySelector('input:checked')?.value ?? null;

function aim(axis) {
  at = Math.max(0, Math.min(axes.length - 1, axis));
  axes.forEach((each, index) => each.classList.toggle('current', index === at));
}

function answer(value) {
  if (item.item === null) return;
  const box = axes[at].querySelector(`input[value="${value}"]`);
  box.checked = true;
  box.dispatchEvent(new Event('change', { bubbles: true }));
}

// The next question without an answer; the last one when all have theirs.
function goOn() {
  const open = axes.findIndex((axis) => answerOf(axis) === null);
  aim(open < 0 ? axes.length - 1 : open);
  tell('answered', { axis: axes[at].dataset.axis, open: axes.filter((axis) => answerOf(axis) === null).length });
}

function complain(text) {
  byId('problem').textContent = text;
  byId('problem').hidden = !text;
}

async function show(next, verdict = null) {
  item = next;
  token = newToken();
  complain('');
  byId('progress').max = Math.max(1, item.total);
  byId('progress').value = item.done;
  byId('progress-words').textContent = `${item.done} of ${item.total}`;
  const isDone = item.item === null;
  form.hidden = isDone;
  byId('done').hidden = !isDone;
  byId('stage').hidden = isDone;
  if (isDone) {
    byId('done-title').textContent = item.closed ? 'Nothing to verify here' : 'All verified';
    byId('done-words').textContent = item.closed
      ?? `You have answered for all ${item.total} captions of this sample.`;
    byId('done-title').focus();
    tell('item', { item: null, done: item.done, total: item.total });
    return;
  }
  form.reset();
  for (const axis of axes) {
    const given = verdict?.[axis.dataset.axis];
    if (given) axis.querySelector(`input[value="${given}"]`).checked = true;
  }
  byId('note').value = verdict?.note ?? '';
  byId('class').textContent = item.class;
  byId('caption').textContent = item.text;
  byId('photo').alt = `Picture ${item.file_name}`;
  aim(0);
  const error = await stage.show(item, [{ ...item, id: item.segment_id, status: '' }]);
  stage.light(item.segment_id);
  stage.mark(item.segment_id);
  if (error || item.refused) complain(item.refused ?? error.message);
  tell('item', { item: item.item, done: item.done, total: item.total });
}

async function ask(address) {
  const reply = await fetch(address, { cache: 'no-store' });
  if (!reply.ok) throw new Refused(reply.status, {});
  return reply.json();
}

const sample = `/api/sample/${encodeURIComponent(data.sample)}`;

// Sends until the server answers, always with the same token, so that it counts once.
async function store(body) {
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
    try {
      return await post('/api/verdict', body);
    } catch (error) {
      if (error instanceof Refused && error.status < 502) throw error;
      complain('Not saved yet: the server does not answer. Trying again; your answers stay here.');
      tell('waiting', { item: body.item });
      await new Promise((done) => { setTimeout(done, wait); });
    }
  }
}

async function save() {
  if (saving || item.item === null) return;
  const open = axes.findIndex((axis) => answerOf(axis) === null);
  if (open >= 0) {
    aim(open);
    complain('Please answer this one too.');
    return;
  }
  saving = true;
  byId('save').disabled = true;
  complain('');
  const verdict = Object.fromEntries(axes.map((axis) => [axis.dataset.axis, answerOf(axis)]));
  const note = byId('note').value.trim();
  try {
    const next = await store({ sample: data.sample, item: item.item, ...verdict, note, token });
    if (!trail.includes(item.item)) trail.push(item.item);
    tell('verdict', { item: item.item, ...verdict });
    await show(next);
    if (item.item !== null) byId('caption').focus({ preventScroll: true });
  } catch (error) {
    complain(error instanceof Refused ? `Not saved: ${error.message}` : 'The next caption cannot be shown.');
    tell('failed', { problem: String(error) });
  } finally {
    saving = false;
    byId('save').disabled = false;
  }
}

async function back() {
  const here = trail.indexOf(item.item);
  const before = here < 0 ? trail.at(-1) : trail[here - 1];
  if (before === undefined) {
    say('There is no caption before this one.');
    return;
  }
  try {
    const earlier = await ask(`${sample}/item/${before}`);
    await show(earlier, earlier.verdict);
  } catch {
    complain('The caption before cannot be loaded; try again.');
  }
}

// Somebody else has captions of their own.
document.addEventListener('pix2cap:reviewer', () => location.reload());
form.addEventListener('change', (event) => {
  if (event.target.type !== 'radio') return;
  complain('');
  goOn();
});
form.addEventListener('submit', (event) => {
  event.preventDefault();
  save();
});
form.addEventListener('focusin', (event) => {
  const axis = axes.indexOf(event.target.closest('.axis'));
  if (axis >= 0) aim(axis);
});
// The browser's own complaint would point at a radio button that is drawn as something else.
form.noValidate = true;
byId('window').addEventListener('pointerleave', () => stage.light(item.segment_id ?? 0));

start({
  ...stage.actions,
  yes: () => answer('yes'),
  no: () => answer('no'),
  cannot_tell: () => answer('cannot_tell'),
  not_applicable: () => answer('not_applicable'),
  all_yes: () => {
    for (const axis of axes) axis.querySelector('input[value="yes"]').checked = true;
    complain('');
    goOn();
  },
  next_axis: () => aim(at + 1),
  previous_axis: () => aim(at - 1),
  save,
  back,
});
show(item).then(() => tell('ready', { page: 'verify', item: item.item }));
