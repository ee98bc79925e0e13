// view_login: a name and a password.
import { post } from './api.js';
import { el, fill } from './dom.js';
import { icon } from './icons.js';

const field = (label, attributes) =>
  el('label', {}, el('span', {}, label), el('input', { required: true, ...attributes }));

/** Counts a refusal's waiting time down on the button. */
function holdBack(button, seconds) {
  let left = seconds;
  const tick = () => {
    button.disabled = left > 0;
    button.textContent = left > 0 ? `Log in (in ${left} s)` : 'Log in';
    if (left-- > 0) setTimeout(tick, 1000);
  };
  tick();
}

function words(failure) {
  if (failure.status === 401) return 'Name or password is wrong.';
  if (failure.status === 429) return 'Too many attempts. Wait a little before the next.';
  return failure.message;
}

/** Calls begin(session) after a login; `reason` says why the page asks for one. */
export function showLogin(root, begin, reason) {
  document.title = 'Log in · AMR Ledger';
  const problem = el('p', { class: 'problem', role: 'alert' });
  const button = el('button', { class: 'primary', type: 'submit' }, 'Log in');
  const name = field('Name', { name: 'name', autocomplete: 'username', autocapitalize: 'none' });
  const password = field('Password', {
    name: 'password',
    type: 'password',
    autocomplete: 'current-password',
  });

  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    problem.textContent = '';
    const [nameInput, passwordInput] = event.target.querySelectorAll('input');
    try {
      begin(await post('login', { name: nameInput.value, password: passwordInput.value }));
    } catch (failure) {
      button.disabled = false;
      fill(problem, icon('silent'), el('span', {}, words(failure)));
      if (failure.retryS) holdBack(button, failure.retryS);
      passwordInput.value = '';
      passwordInput.focus();
    }
  }

  fill(
    root,
    el(
      'main',
      { class: 'login', id: 'view' },
      el(
        'form',
        { class: 'card', onsubmit: submit },
        el(
          'div',
          { class: 'brand' },
          el('img', { src: 'icon.svg', alt: '', height: '34' }),
          el('h1', {}, 'AMR Ledger'),
        ),
        el('p', { class: 'muted' }, reason || 'Log in with your staff account.'),
        name,
        password,
        problem,
        button,
      ),
    ),
  );
  name.querySelector('input').focus();
}
