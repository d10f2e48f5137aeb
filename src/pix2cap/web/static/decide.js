// Decisions on their way to the server. Each waits, in this browser too, until the server has said that it
// is stored; sent again it carries the same token, so that nothing is lost and nothing counts twice.
import { post, Refused, tell } from './app.js';
import { byId, el, memory, plural, shell } from './dom.js';

const KEPT = `decisions:${shell.source}`;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;

// In every browser context, unlike crypto.randomUUID.
export function newToken() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function kept() {
  try {
    const entries = JSON.parse(memory.get(KEPT) ?? '[]');
    return Array.isArray(entries) ? entries : [];
  } catch {
    return [];
  }
}

export class Decisions {
  // `changed(entry, segment)` is called when an entry's state changed; segment is the server's word, or null.
  constructor(changed) {
    this.changed = changed;
    this.entries = kept();
    this.finished = new Set();
    this.wait = FIRST_WAIT_MS;
    this.timer = 0;
    this.sending = false;
    this.silent = false;
    for (const wake of ['online', 'focus']) window.addEventListener(wake, () => this.pump());
  }

  // What is not stored yet for a segment, the latest first in line to be shown.
  of(imageId, segmentId) {
    return this.entries.findLast((entry) => entry.image_id === imageId && entry.segment_id === segmentId) ?? null;
  }

  // A new decision replaces one on the same segment that could not be stored: the person has seen why.
  add(decision) {
    const stuck = (entry) => entry.state !== 'waiting'
      && entry.image_id === decision.image_id && entry.segment_id === decision.segment_id;
    for (const entry of this.entries.filter(stuck)) this.drop(entry);
    const entry = { ...decision, token: newToken(), state: 'waiting' };
    this.entries.push(entry);
    this.#keep();
    this.changed(entry, null);
    this.pump();
    return entry;
  }

  drop(entry) {
    this.#finish(entry);
    tell('dropped', { segmentId: entry.segment_id });
  }

  // Send once more what was refused or in conflict, perhaps with another `based_on` or `anyway`.
  again(entry, more = {}) {
    Object.assign(entry, more, { state: 'waiting', problem: undefined });
    this.#keep();
    this.pump();
  }

  async pump() {
    if (this.sending) return;
    clearTimeout(this.timer);
    this.sending = true;
    this.show();
    for (let entry = this.#next(); entry && await this.#send(entry); entry = this.#next());
    this.sending = false;
    this.show();
    if (this.#next()) {
      this.timer = setTimeout(() => this.pump(), this.wait);
      this.wait = Math.min(2 * this.wait, LONGEST_WAIT_MS);
    }
  }

  #next() { return this.entries.find((entry) => entry.state === 'waiting'); }

  // False when the server does not answer: then everything waits.
  async #send(entry) {
    const { state, problem, standing, ...body } = entry;
    try {
      const answer = await post('/api/decide', body);
      this.#answered();
      this.#stored(entry, answer.segment);
    } catch (error) {
      if (!(error instanceof Refused) || error.status >= 502) {
        this.silent = true;
        tell('waiting', { pending: this.entries.length });
        return false;
      }
      this.#answered();
      const conflict = error.status === 409 && error.answer.segment;
      entry.state = conflict ? 'conflict' : 'refused';
      entry.problem = error.message;
      entry.standing = conflict || undefined;
      this.#keep();
      this.changed(entry, conflict || null);
      tell(entry.state, { segmentId: entry.segment_id, action: entry.action, problem: entry.problem });
    }
    return true;
  }

  #answered() {
    this.silent = false;
    this.wait = FIRST_WAIT_MS;
  }

  #stored(entry, segment) {
    this.#finish(entry);
    // The next decision on this segment was made with this one on the screen.
    for (const later of this.entries) {
      const same = later.image_id === entry.image_id && later.segment_id === entry.segment_id;
      if (same && later.based_on === entry.based_on) later.based_on = segment.latest;
    }
    this.#keep();
    entry.state = 'saved';
    this.changed(entry, segment);
    tell('decided', { imageId: entry.image_id, segmentId: entry.segment_id, action: entry.action });
  }

  #finish(entry) {
    this.finished.add(entry.token);
    this.entries = this.entries.filter((each) => each.token !== entry.token);
    this.#keep();
    this.show();
  }

  // Another tab of the same review may keep its own.
  #keep() {
    const mine = new Set(this.entries.map((entry) => entry.token));
    const others = kept().filter((entry) => !mine.has(entry.token) && !this.finished.has(entry.token));
    memory.set(KEPT, JSON.stringify([...others, ...this.entries]));
  }

  // The line in the page's head: what is saved and what is not.
  show() {
    const stuck = this.entries.find((entry) => entry.state !== 'waiting');
    const waiting = this.entries.filter((entry) => entry.state === 'waiting').length;
    const line = byId('saving');
    const put = (state, ...parts) => {
      if (line.dataset.state === state && line.textContent === parts.map((part) => part.textContent ?? part).join('')) return;
      line.dataset.state = state;
      line.replaceChildren(...parts);
    };
    if (this.silent && waiting) {
      put('waiting', `${plural(waiting, 'decision', 'decisions')} not saved yet: the server does not answer, trying again`);
    } else if (stuck) {
      const link = el('a', 'link', stuck.state === 'conflict' ? 'Somebody else decided too' : 'Not saved');
      link.href = `/image/${stuck.image_id}?segment=${stuck.segment_id}`;
      put(stuck.state, link);
    } else if (waiting) put('saving', 'Saving…');
    else if (this.finished.size) put('saved', 'All saved');
    else put('idle');
  }
}
