// Loaded before the page is painted, so that a chosen theme does not flash.
(() => {
  const chosen = localStorage.getItem('pix2cap:scheme');
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.scheme = chosen;
})();
