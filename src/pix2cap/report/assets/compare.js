// A page of before and after: page_tabs.js comes first.
root.dataset.ready = 'true';
tell('ready', { examples: document.querySelectorAll('.example').length });
