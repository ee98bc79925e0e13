// table: a table of any length in which only the rows on the screen exist.
//
// Columns are rows of a table: { key, word, class, width, value(item), draw(cell, item) }. `value`
// sorts and exports, `draw` fills a cell and is called again whenever something changed, so it
// should touch only what differs (setText, setChip).
import { announce, el, onceAFrame, place } from './dom.js';
import { icon } from './icons.js';

const ROW = 38;
const SPARE = 8; // rows above and below what is seen

const compare = (a, b) => {
  if (a === b) return 0;
  if (a === null || a === undefined) return 1;
  if (b === null || b === undefined) return -1;
  return a < b ? -1 : 1;
};

export class Table {
  #columns;
  #open;
  #items = [];
  #shown = [];
  #rows = []; // {tr, cells, item}
  #sort;
  #descending = false;
  #key;
  #first = -1;
  #head;
  #above;
  #below;
  #body;
  #table;
  #resized;

  /** `open(item)` is called for a click or Enter; `seen(items)` when other rows are on the screen. */
  constructor({ columns, label, open, seen, sort, tie }) {
    this.#columns = columns;
    this.#open = open;
    this.seen = seen;
    this.#sort = sort;
    this.tie = tie;
    this.redraw = onceAFrame(() => this.#draw());
    this.element = el('div', {
      class: 'card rows',
      role: 'region',
      'aria-label': label,
      tabindex: '0',
      onscroll: () => this.redraw(),
      onkeydown: (event) => this.#keys(event),
    });
    this.#head = columns.map((column) => this.#headCell(column));
    this.#above = el('tr', { class: 'spacer', 'aria-hidden': 'true' }, el('td'));
    this.#below = el('tr', { class: 'spacer', 'aria-hidden': 'true' }, el('td'));
    this.#body = el('tbody', {}, this.#above, this.#below);
    this.#table = el(
      'table',
      { 'aria-label': label },
      el('thead', {}, el('tr', { 'aria-rowindex': '1' }, this.#head)),
      this.#body,
    );
    this.element.append(this.#table);
    this.#resized = new ResizeObserver(() => this.redraw());
    this.#resized.observe(this.element);
  }

  #headCell(column) {
    const button =
      column.value &&
      el(
        'button',
        { type: 'button', onclick: () => this.sortBy(column.key) },
        column.word,
        icon('down'),
      );
    return el(
      'th',
      {
        class: column.class,
        scope: 'col',
        title: column.help,
        'data-key': column.key,
        width: column.width,
      },
      button || column.word,
    );
  }

  #markSort() {
    for (const th of this.#head)
      if (th.dataset.key === this.#sort)
        th.setAttribute('aria-sort', this.#descending ? 'descending' : 'ascending');
      else th.removeAttribute('aria-sort');
  }

  sortBy(key) {
    this.#descending = this.#sort === key ? !this.#descending : false;
    this.#sort = key;
    this.element.scrollTop = 0;
    this.arrange();
    const { word } = this.#columns.find((column) => column.key === key);
    announce(`Sorted by ${word}, ${this.#descending ? 'falling' : 'rising'}.`);
  }

  /** The items to show, filtered already. */
  set items(items) {
    this.#items = items;
    this.arrange();
  }

  get items() {
    return this.#shown;
  }

  /** Sorts again; the rows on the screen may change places. */
  arrange() {
    const column = this.#columns.find((c) => c.key === this.#sort);
    const sign = this.#descending ? -1 : 1;
    const values = new Map();
    if (column?.value) for (const item of this.#items) values.set(item, column.value(item));
    this.#shown = [...this.#items].sort((a, b) => {
      const [x, y] = [values.get(a), values.get(b)];
      const unknown = x === null || x === undefined || y === null || y === undefined;
      const by = compare(x, y);
      return (unknown ? by : sign * by) || compare(this.tie?.(a), this.tie?.(b));
    });
    this.#markSort();
    this.#table.setAttribute('aria-rowcount', String(this.#shown.length + 1));
    this.#first = -1;
    this.redraw();
  }

  #row() {
    const cells = this.#columns.map((column) => el('td', { class: column.class }));
    const tr = el('tr', {}, cells);
    const row = { tr, cells, item: null };
    if (this.#open) {
      tr.dataset.open = '';
      tr.addEventListener('click', (event) => {
        if (!event.target.closest('a, button') && !String(getSelection())) this.#open(row.item);
      });
    }
    return row;
  }

  #fit(wanted) {
    while (this.#rows.length < wanted) {
      const row = this.#row();
      this.#rows.push(row);
      this.#below.before(row.tr);
    }
    while (this.#rows.length > wanted) this.#rows.pop().tr.remove();
  }

  #draw() {
    const { scrollTop, clientHeight } = this.element;
    const total = this.#shown.length;
    const first = Math.max(0, Math.min(Math.floor(scrollTop / ROW) - SPARE, total));
    const last = Math.min(total, Math.ceil((scrollTop + clientHeight) / ROW) + SPARE);
    this.#fit(last - first);
    this.#above.firstChild.style.height = `${first * ROW}px`;
    this.#below.firstChild.style.height = `${(total - last) * ROW}px`;
    this.#rows.forEach((row, i) => {
      row.item = this.#shown[first + i];
      row.tr.setAttribute('aria-rowindex', String(first + i + 2));
      this.#columns.forEach((column, c) => column.draw(row.cells[c], row.item));
    });
    this.#tellSeen(first, last);
  }

  #tellSeen(first, last) {
    const key = `${first}:${last}`;
    if (first === this.#first && key === this.#key) return;
    this.#first = first;
    this.#key = key;
    this.seen?.(this.#shown.slice(first, last));
  }

  #keys(event) {
    const page = this.element.clientHeight - 2 * ROW;
    const moves = {
      ArrowDown: ROW,
      ArrowUp: -ROW,
      PageDown: page,
      PageUp: -page,
      Home: -Infinity,
      End: Infinity,
    };
    const move = moves[event.key];
    if (move === undefined || event.target.closest('input, select')) return;
    event.preventDefault();
    const link = event.target.closest('tbody tr');
    if (link && Math.abs(move) === ROW) return this.#moveFocus(link, Math.sign(move));
    const end = this.element.scrollHeight;
    this.element.scrollTop = Math.max(0, Math.min(end, this.element.scrollTop + move));
  }

  /** Up and down between the rows' links, scrolling along. */
  #moveFocus(tr, step) {
    const next = this.#rows[this.#rows.findIndex((row) => row.tr === tr) + step];
    next?.tr.querySelector('a, button')?.focus();
  }

  /** All rows, for printing and for screens without scripts' help. */
  whole() {
    const rows = this.#shown.map((item) => {
      const row = this.#row();
      this.#columns.forEach((column, c) => column.draw(row.cells[c], item));
      return row.tr;
    });
    return el(
      'table',
      { class: 'whole' },
      el(
        'thead',
        {},
        el(
          'tr',
          {},
          this.#columns.map((c) => el('th', { class: c.class }, c.word)),
        ),
      ),
      el('tbody', {}, rows),
    );
  }

  close() {
    this.#resized.disconnect();
    this.redraw.cancel();
  }
}

/**
 * A short table, all of it: columns as above, without sorting. show(items) changes only the rows
 * that differ; `key` tells which row is which.
 */
export function plainTable(columns, items, label, key = (item) => item) {
  const body = el('tbody');
  const head = columns.map((column) =>
    el('th', { class: column.class, scope: 'col', title: column.help }, column.word),
  );
  const table = el('table', { 'aria-label': label }, el('thead', {}, el('tr', {}, head)), body);
  let rows = new Map(); // key → {tr, cells, text}

  function rowOf(item) {
    const text = JSON.stringify(item);
    let row = rows.get(key(item));
    if (row?.text === text) return row;
    if (!row) {
      const cells = columns.map((column) => el('td', { class: column.class }));
      row = { cells, tr: el('tr', {}, cells) };
    }
    row.text = text;
    columns.forEach((column, c) => column.draw(row.cells[c], item));
    return row;
  }

  table.show = (shown) => {
    rows = new Map(shown.map((item) => [key(item), rowOf(item)]));
    place(
      body,
      [...rows.values()].map((row) => row.tr),
    );
  };
  table.show(items);
  return table;
}
