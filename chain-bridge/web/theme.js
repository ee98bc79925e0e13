// theme: the chosen colours before anything is drawn, so that nothing flashes. Not a module: those
// run too late.
'use strict';
(() => {
  try {
    const theme = localStorage.getItem('theme');
    if (theme === 'dark' || theme === 'light') document.documentElement.dataset.theme = theme;
  } catch {
    // Without storage the system's setting counts.
  }
})();
