// Zoom and pan of a picture in its window: wheel, drag, pinch, buttons, keys.
const STEP = 1.3;
const MAX_SCALE = 24;
const DRAG_PX = 4;

export class View {
  // `pane` is the window; width and height are the picture's own pixels; `changed` is called after each move.
  constructor(pane, changed) {
    this.pane = pane;
    this.changed = changed;
    this.pointers = new Map();
    this.dragged = false;
    this.moved = false;
    this.resize(1, 1);
    pane.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    pane.addEventListener('pointerdown', (event) => this.#down(event));
    pane.addEventListener('pointermove', (event) => this.#move(event));
    for (const end of ['pointerup', 'pointercancel']) pane.addEventListener(end, (event) => this.#up(event));
    pane.addEventListener('dragstart', (event) => event.preventDefault());
    new ResizeObserver(() => (this.moved ? this.#set(this.scale, this.x, this.y) : this.fit())).observe(pane);
  }

  resize(width, height) {
    [this.width, this.height] = [width, height];
    this.fit();
  }

  get fitScale() {
    const box = this.pane.getBoundingClientRect();
    return Math.max(1e-3, Math.min(box.width / this.width, box.height / this.height));
  }

  fit() {
    this.moved = false;
    this.#set(this.fitScale, 0, 0);
  }

  zoom(factor, clientX, clientY) {
    const box = this.pane.getBoundingClientRect();
    const [px, py] = clientX === undefined
      ? [box.width / 2, box.height / 2]
      : [clientX - box.left, clientY - box.top];
    const scale = Math.min(MAX_SCALE, Math.max(this.fitScale, this.scale * factor));
    const ratio = scale / this.scale;
    this.moved = scale > this.fitScale * 1.001;
    this.#set(scale, px - (px - this.x) * ratio, py - (py - this.y) * ratio);
  }

  zoomIn() { this.zoom(STEP); }

  zoomOut() { this.zoom(1 / STEP); }

  pan(dx, dy) { this.#set(this.scale, this.x + dx, this.y + dy); }

  // Bring a box of picture pixels into the window when it lies outside.
  reveal([x0, y0, x1, y1]) {
    if (!this.moved) return;
    const box = this.pane.getBoundingClientRect();
    const [left, top] = [this.x + x0 * this.scale, this.y + y0 * this.scale];
    const [right, bottom] = [this.x + x1 * this.scale, this.y + y1 * this.scale];
    if (left >= 0 && top >= 0 && right <= box.width && bottom <= box.height) return;
    this.#set(this.scale, this.x + box.width / 2 - (left + right) / 2, this.y + box.height / 2 - (top + bottom) / 2);
  }

  // Fill the window with a box of picture pixels, and a little around it.
  show([x0, y0, x1, y1]) {
    const box = this.pane.getBoundingClientRect();
    const around = Math.min(box.width / (1.3 * (x1 - x0)), box.height / (1.3 * (y1 - y0)));
    const scale = Math.min(MAX_SCALE, Math.max(this.fitScale, around));
    this.moved = scale > this.fitScale * 1.001;
    this.#set(scale, box.width / 2 - scale * (x0 + x1) / 2, box.height / 2 - scale * (y0 + y1) / 2);
  }

  // Picture pixel under a point of the browser's window.
  pixel(clientX, clientY) {
    const box = this.pane.getBoundingClientRect();
    return [(clientX - box.left - this.x) / this.scale, (clientY - box.top - this.y) / this.scale];
  }

  // True once after a drag: the click that ends it chooses nothing.
  takeDrag() {
    const was = this.dragged;
    this.dragged = false;
    return was;
  }

  // A picture smaller than the window is centred in it; a larger one leaves no gap.
  #set(scale, x, y) {
    const box = this.pane.getBoundingClientRect();
    const bound = (at, room, size) => (size <= room ? (room - size) / 2 : Math.min(0, Math.max(room - size, at)));
    this.scale = scale;
    this.x = bound(x, box.width, this.width * scale);
    this.y = bound(y, box.height, this.height * scale);
    this.pane.classList.toggle('zoomed', this.moved);
    this.changed(this);
  }

  #wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    this.zoom(Math.exp(-Math.max(-240, Math.min(240, event.deltaY * lines)) / 400), event.clientX, event.clientY);
  }

  #down(event) {
    if (event.button !== 0) return;
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    if (this.pointers.size === 1) {
      this.dragged = false;
      this.from = [event.clientX, event.clientY];
    }
  }

  #move(event) {
    const last = this.pointers.get(event.pointerId);
    if (!last) return;
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    const now = [event.clientX, event.clientY];
    if (others.length) this.#pinch(last, now, others[0]);
    else if (this.moved && this.#isDrag(now, event.pointerId)) this.pan(now[0] - last[0], now[1] - last[1]);
    this.pointers.set(event.pointerId, now);
  }

  #isDrag(now, pointerId) {
    if (!this.dragged && Math.hypot(now[0] - this.from[0], now[1] - this.from[1]) >= DRAG_PX) {
      this.dragged = true;
      this.pane.setPointerCapture(pointerId);
    }
    return this.dragged;
  }

  #pinch(last, now, other) {
    const before = Math.hypot(last[0] - other[0], last[1] - other[1]);
    const after = Math.hypot(now[0] - other[0], now[1] - other[1]);
    this.dragged = true;
    if (before > 0) this.zoom(after / before, (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    this.pan((now[0] - last[0]) / 2, (now[1] - last[1]) / 2);
  }

  #up(event) {
    this.pointers.delete(event.pointerId);
  }
}
