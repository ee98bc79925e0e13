// dom: making and changing elements, without markup in strings.

/**
 * el('td', { class: 'number', onclick: f, hidden: true }, 'text', node, [more])
 * Attributes that are null, undefined or false are left out; on* are listeners. Children that are
 * null, undefined or false are left out, too.
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(node, name, value);
  append(node, children);
  return node;
}

function setAttribute(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
  else if (name === 'value') node.value = value;
  else if (name === 'width') node.style.width = value;
  else node.setAttribute(name, value === true ? '' : value);
}

function append(node, children) {
  for (const child of children.flat(Infinity))
    if (child !== null && child !== undefined && child !== false) node.append(child);
}

/** The element's new content. */
export function fill(node, ...children) {
  node.textContent = '';
  append(node, children);
  return node;
}

/** Makes these the children; those that stay are not touched, so that focus and scrolling stay, too. */
export function place(parent, nodes) {
  const wanted = new Set(nodes);
  for (const node of [...parent.childNodes]) if (!wanted.has(node)) node.remove();
  nodes.forEach((node, i) => {
    if (parent.childNodes[i] !== node) parent.insertBefore(node, parent.childNodes[i] ?? null);
  });
}

/** Changes the text only where it differs: the browser then lays out what really changed. */
export function setText(node, text) {
  const string = String(text);
  if (node.firstChild?.nodeType === Node.TEXT_NODE && !node.firstChild.nextSibling) {
    if (node.firstChild.data !== string) node.firstChild.data = string;
  } else node.textContent = string;
}

/** What is to be drawn is drawn once, in the next frame. */
export function onceAFrame(draw) {
  let wanted = 0;
  const run = () => {
    wanted = 0;
    draw();
  };
  const ask = () => {
    wanted ||= requestAnimationFrame(run);
  };
  ask.cancel = () => cancelAnimationFrame(wanted);
  return ask;
}

/** Says something to whoever cannot see the screen. */
export function announce(text) {
  setText(document.getElementById('spoken'), text);
}
