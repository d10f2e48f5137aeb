// The boxes in which a person writes: a new caption with live warnings, or a reason.
import { post, tell } from './app.js';
import { el, memory, plural, shell } from './dom.js';

const PAUSE_MS = 200;

function buttons(primary, hint, cancel) {
  const save = el('button', 'button primary', primary, el('kbd', '', hint));
  const stop = el('button', 'button', 'Cancel', el('kbd', '', 'Esc'));
  stop.type = 'button';
  stop.addEventListener('click', cancel);
  return el('div', 'buttons', save, stop);
}

// Enter sends, Escape leaves; neither reaches the page's own keys.
function keysOf(box, form, cancel) {
  box.addEventListener('keydown', (event) => {
    if (event.isComposing) return;
    if (event.key === 'Escape') {
      event.preventDefault();
      cancel();
    } else if (event.key === 'Enter') {
      event.preventDefault();
      form.requestSubmit();
    }
  });
}

export function reasonForm({ title, label, primary, submit, cancel }) {
  const input = el('input#reason');
  input.maxLength = 500;
  input.autocomplete = 'off';
  const caption = el('label', '', label);
  caption.htmlFor = 'reason';
  const form = el('form', 'write', el('h3', '', title), caption, input, buttons(primary, 'Enter', cancel));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    submit(input.value.trim() || null);
  });
  keysOf(input, form, cancel);
  return { form, focus: () => input.focus() };
}

// The findings of a text, drawn as a list: hard ones would have dropped a model's caption.
export function findingList(findings) {
  return el('ul', 'findings', ...findings.map((finding) => el(
    'li',
    finding.hard === false ? 'soft' : 'hard',
    el('span', 'check', finding.check.replaceAll('_', ' ')),
    ` ${finding.reason}`,
  )));
}

export function editForm({ imageId, segment, text, submit, cancel }) {
  const draft = `draft:${shell.source}:${imageId}:${segment.id}`;
  const box = el('textarea#edit');
  box.rows = 4;
  box.maxLength = 2000;
  box.spellcheck = true;
  box.value = memory.get(draft) || text;
  const title = el('label', '', 'Caption');
  title.htmlFor = 'edit';
  const count = el('span', 'small');
  const warnings = el('div', 'warnings');
  warnings.setAttribute('role', 'status');
  const leave = () => {
    live.stop();
    memory.set(draft, '');
    cancel();
  };
  const form = el('form', 'write', el('div', 'write-head', title, count), box, warnings, buttons('Save', 'Enter', leave));
  const live = liveCheck({ imageId, segment, count, warnings });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const words = box.value.replace(/\s+/g, ' ').trim();
    if (!words) {
      warnings.replaceChildren(el('p', 'problem', 'Write a caption, or reject the segment.'));
      return;
    }
    live.stop();
    memory.set(draft, '');
    submit(words);
  });
  box.addEventListener('input', () => {
    memory.set(draft, box.value);
    live.soon(box.value);
  });
  keysOf(box, form, leave);
  live.now(box.value);
  return {
    form,
    focus: () => {
      box.focus();
      box.setSelectionRange(box.value.length, box.value.length);
    },
  };
}

function liveCheck({ imageId, segment, count, warnings }) {
  let timer = 0;
  let asking = null;
  const now = async (text) => {
    asking?.abort();
    asking = new AbortController();
    const { signal } = asking;
    const spoken = text.trim() ? text.trim().split(/\s+/).length : 0;
    count.textContent = plural(spoken, 'word', 'words');
    try {
      const answer = await post('/api/check', { image_id: imageId, segment_id: segment.id, text }, signal);
      if (signal.aborted) return;
      warnings.replaceChildren(answer.findings.length
        ? findingList(answer.findings)
        : el('p', 'fine', 'The checks find nothing wrong.'));
      tell('checked', { segmentId: segment.id, text, findings: answer.findings.length });
    } catch (error) {
      if (signal.aborted) return;
      warnings.replaceChildren(el('p', 'small', 'The checks cannot be asked at the moment; you can save all the same.'));
    }
  };
  return {
    now,
    soon: (text) => {
      clearTimeout(timer);
      timer = setTimeout(() => now(text), PAUSE_MS);
    },
    stop: () => {
      clearTimeout(timer);
      asking?.abort();
    },
  };
}
