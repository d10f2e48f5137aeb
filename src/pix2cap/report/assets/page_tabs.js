// What pages of scores share: switching between kinds of examples, and the colour scheme.
const root = document.documentElement;
const tell = (name, detail) => document.dispatchEvent(new CustomEvent(`pix2cap:${name}`, { detail }));

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
