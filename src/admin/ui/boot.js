// Before the first paint: theme and language of the last visit, who is signed in, and the modules of the page that was asked for.
(function () {
  var root = document.documentElement;
  function kept(key) {
    try { return localStorage.getItem('tidegate.' + key); } catch (e) { return null; }
  }
  var theme = kept('theme');
  if (theme === 'light' || theme === 'dark') root.dataset.theme = theme;
  var lang = kept('lang') || (/^zh\b/i.test(navigator.language || '') ? 'zh' : 'en');
  root.lang = lang === 'zh' ? 'zh-CN' : 'en';
  var page = /^\/ui\/(requests|providers|models|routes|keys|playground|connect|settings)\b/.exec(location.pathname);
  page = page ? page[1] : 'dashboard';
  window.tidegateSession = fetch('/admin/api/v1/session', { cache: 'no-store', headers: { accept: 'application/json' } });
  window.tidegateSession.catch(function () {});
  // Beside the icon, wherever that is.
  var base = document.querySelector('link[rel=icon]').href.replace(/icon\.svg$/, '');
  ['i18n/' + lang + '.js', 'pages/' + page + '.js'].concat(page === 'dashboard' ? 'kit/chart.js' : []).forEach(function (file) {
    var link = document.createElement('link');
    link.rel = 'modulepreload';
    link.href = base + file;
    document.head.appendChild(link);
  });
})();
