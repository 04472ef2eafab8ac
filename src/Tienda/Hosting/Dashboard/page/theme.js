// Chooses the colours before anything is painted: those of the system, or those that were chosen here before.
(() => {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  let choice = 'auto';
  try {
    choice = localStorage.getItem('tienda-theme') ?? 'auto';
  } catch {
    // A browser may keep nothing for pages; then the system's colours it is.
  }

  const apply = () => {
    document.documentElement.dataset.theme = choice === 'auto' ? (dark.matches ? 'dark' : 'light') : choice;
    document.dispatchEvent(new Event('themechange'));
  };

  dark.addEventListener('change', apply);
  apply();
  addEventListener('DOMContentLoaded', () => {
    for (const radio of document.querySelectorAll('input[name=theme]')) {
      radio.checked = radio.value === choice;
      radio.addEventListener('change', () => {
        choice = radio.value;
        try {
          localStorage.setItem('tienda-theme', choice);
        } catch {
          // It holds until the page is left.
        }

        apply();
      });
    }
  });
})();
