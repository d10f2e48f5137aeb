// What is told of the chosen segment: caption, what can be done, the crop, attempts and decisions.
import { button, el, when, words } from './dom.js';
import { findingList } from './editor.js';
import { keyOf } from './keys.js';

export const DONE = { accept: 'accepted', edit: 'edited', reject: 'rejected', ask_again: 'sent back', undo: 'took back' };
const ACTIONS = [['accept', 'Accept'], ['edit', 'Edit'], ['reject', 'Reject'], ['ask_again', 'Ask again'], ['undo', 'Undo']];

export function swatch(color) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const rect = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
  svg.setAttribute('viewBox', '0 0 4 4');
  svg.setAttribute('class', 'swatch');
  svg.setAttribute('aria-hidden', 'true');
  for (const side of ['width', 'height']) rect.setAttribute(side, '4');
  rect.setAttribute('fill', color);
  svg.append(rect);
  return svg;
}

export const badge = (status) => el('span', `badge status-${status}`, words(status));

// segment: the server's record; shown: the same with decisions on their way; entry: the one on its way, or null.
export function panel({ segment, shown, entry, place, readOnly, form }) {
  return [
    head(shown, place),
    el('p', `caption large${shown.text && shown.status === 'captioned' ? '' : ' faint'}`, shown.text || withoutText(shown)),
    shown.reason && shown.status !== 'captioned' && shown.reason !== segment.decision?.reason ? el('p', 'small why', shown.reason) : null,
    standing(segment, entry),
    segment.conflict ? disagreement(segment) : null,
    entry && entry.state !== 'waiting' ? problem(segment, entry) : null,
    segment.findings?.length ? el('div', 'found-wrong', el('h3', '', 'Findings'), findingList(segment.findings)) : null,
    readOnly ? null : form ?? (entry && entry.state !== 'waiting' ? null : actions(segment, entry)),
    crop(segment),
    attempts(segment),
    history(segment),
  ].filter((part) => part !== null);
}

function head(shown, place) {
  const facts = [shown.is_thing ? 'thing' : 'stuff'];
  if (shown.mark) facts.push(`mark ${shown.mark}`);
  if (shown.words) facts.push(`${shown.words} words`);
  facts.push(`id ${shown.id}`);
  const title = el('h2', '', shown.class);
  title.tabIndex = -1;
  return el('div', 'segment-head', swatch(shown.color), title, badge(shown.status),
    el('span', 'small place-in', place), el('p', 'small facts', facts.join(' · ')));
}

function withoutText(shown) {
  if (shown.status === 'pending') return 'Not asked yet.';
  if (shown.status === 'not_visible') return 'The model could not make this segment out.';
  return 'No caption.';
}

function standing(segment, entry) {
  if (entry?.state === 'waiting') return el('p', 'standing saving', `${DONE[entry.action]} by you: saving…`);
  const { decision } = segment;
  if (!decision) return null;
  return el('p', 'standing', `${DONE[decision.action] ?? decision.action} by `, el('b', '', decision.reviewer), ', ',
    when(decision.at), decision.reason ? `: ${decision.reason}` : '');
}

function disagreement(segment) {
  const latest = new Map(segment.history.filter((each) => each.action !== 'undo' && !each.undone)
    .map((each) => [each.reviewer, each]));
  return el('div', 'notice', el('h3', '', 'Reviewers disagree'),
    el('ul', '', ...[...latest.values()].map(line)),
    el('p', 'small', 'The latest decision counts. A new one, made now, settles it.'));
}

function problem(segment, entry) {
  if (entry.state !== 'conflict') {
    return el('div', 'notice', el('h3', '', 'Not saved'), el('p', '', entry.problem ?? ''),
      el('div', 'buttons', button('Try again', '', 'resend'), button('Drop it', '', 'drop')));
  }
  const latest = segment.history.at(-1);
  const notice = el('div', 'notice', el('h3', '', 'Somebody else decided in the meantime'),
    latest ? el('ul', '', line(latest)) : null,
    el('p', '', `Yours (${DONE[entry.action]}${entry.action === 'edit' ? `: “${entry.text}”` : ''}) is not saved yet.`),
    el('div', 'buttons', button('Mine counts', '', 'overrule', 'button primary'),
      button('Keep both as a disagreement', '', 'keep_both'), button('Drop mine', '', 'drop')));
  notice.setAttribute('role', 'alert');
  return notice;
}

function actions(segment, entry) {
  const can = new Set(segment.can ?? ACTIONS.map(([action]) => action));
  if (entry?.state === 'waiting') ['edit', 'reject', 'ask_again', 'undo'].forEach((action) => can.add(action));
  const row = ACTIONS.map(([action, label]) => {
    const made = button(label, keyOf(action), action, `button act-${action}${action === 'accept' ? ' primary' : ''}`);
    made.disabled = !can.has(action);
    return made;
  });
  return el('div', 'actions', ...row);
}

function crop(segment) {
  if (!segment.crop) return null;
  const image = el('img');
  image.src = segment.crop;
  image.alt = `${segment.class}, close up`;
  image.loading = 'lazy';
  image.addEventListener('error', () => image.replaceWith(el('p', 'small', 'The crop cannot be shown.')));
  const title = segment.crop_seen ? 'Close-up that the model saw' : 'Close-up (the model saw the whole picture)';
  return fold('crop', title, el('div', 'crop', image), true);
}

function attempts(segment) {
  if (!segment.attempts?.length) return null;
  const list = el('ol', 'attempts', ...segment.attempts.map((attempt) => el('li', '',
    el('p', 'small attempt-head', el('b', '', `${attempt.attempt}. ${words(attempt.stage)}`), ` ${attempt.model ?? ''} `,
      el('span', `badge verdict-${attempt.verdict}`, words(attempt.verdict))),
    attempt.text ? el('p', 'caption', attempt.text) : el('p', 'small', 'no text came back'),
    attempt.findings.length ? findingList(attempt.findings) : null)));
  return fold('attempts', `Attempts (${segment.attempts.length})`, list, segment.attempts.length > 1 || segment.status === 'failed');
}

function history(segment) {
  if (!segment.history?.length) return null;
  const list = el('ol', 'history', ...segment.history.map(line));
  return fold('history', `Decisions (${segment.history.length})`, list, true);
}

function line(decision) {
  return el('li', decision.undone ? 'taken-back' : '',
    el('p', '', el('b', '', decision.reviewer), ` ${DONE[decision.action] ?? decision.action}`,
      decision.undone ? ' (taken back)' : '', ', ', when(decision.at)),
    decision.action === 'edit' && decision.text ? el('p', 'caption', decision.text) : null,
    decision.reason ? el('p', 'small', decision.reason) : null);
}

// Whether a part is open is remembered while the page is: the next segment shows the same parts.
const opened = new Map();

function fold(name, title, content, open) {
  const part = el('details', `fold fold-${name}`, el('summary', '', title), content);
  part.open = opened.get(name) ?? open;
  part.querySelector('summary').addEventListener('click', () => opened.set(name, !part.open));
  return part;
}
