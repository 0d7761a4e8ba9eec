// Sets the chosen theme before the first paint, so that nothing flashes. layout/theme.ts owns the choice.
try {
  const theme = localStorage.getItem('holdfast.theme');
  if (theme === 'dark' || theme === 'light') document.documentElement.dataset.theme = theme;
} catch {
  // Storage that is refused leaves the system's theme.
}
