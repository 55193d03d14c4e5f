// What a person does at a page: once for each page. `done` says that nothing is left to do there.
({ login, password }) => {
  const page = {
    url: location.href,
    title: document.title,
    text: document.body ? document.body.innerText : '',
    done: false,
  };
  if (document.readyState !== 'complete' || window.hasActed) return page;
  const act = (button) => {
    window.hasActed = true;
    button.click();
    return page;
  };
  const find = (selector) => document.querySelector(selector);
  const submitOf = (field) => field.form.querySelector('button, [type=submit]');

  const secret = find('input[type=password]');
  if (secret && !find('#login-error')) {
    secret.form.querySelector('input[type=text], input[type=email]').value = login;
    secret.value = password;
    return act(submitOf(secret));
  }
  const consent = find('input[name=approval][value=approve]') // Dex
    || find('input[name=prompt][value=consent]') // oidc-provider
    || find('input[name=user_code][value]:not([type=hidden])'); // Dex's device page, filled in
  if (consent && !find('#login-error')) return act(submitOf(consent));
  const button = find('#allow')
    || find('button[form="op.deviceConfirmForm"][autofocus]') // oidc-provider's device page
    || find('button[form="op.logoutForm"][value=yes]'); // and its logout
  if (button) return act(button);
  page.done = location.href !== 'about:blank';
  return page;
}
