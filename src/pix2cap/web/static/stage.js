// The picture in its window with what is drawn over it: one lit segment, one chosen, marks on or off.
import { tell } from './app.js';
import { byId, words } from './dom.js';
import { readMap } from './map.js';
import { View } from './view.js';

const VEIL = 'rgb(8 9 12 / 0.56)';
const HALO = 'rgb(8 9 12 / 0.9)';
const LIGHT = '#ffffff';
const ARROWS = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };

export class Stage {
  // picture: {pixels, map, marked, width, height}. `hover` and `choose` are told a segment id, or 0.
  constructor({ hover = () => {}, choose = () => {} } = {}) {
    this.pane = byId('window');
    this.photo = byId('photo');
    this.canvas = byId('overlay');
    this.tip = byId('tip');
    this.map = null;
    this.lit = 0;
    this.chosen = 0;
    this.segments = new Map();
    this.frame = 0;
    this.hover = hover;
    this.choose = choose;
    this.view = null;
    this.view = new View(this.pane, () => this.#place());
    this.#listen();
  }

  // Show a picture; settles when its map is read, or could not be (then nothing lights up).
  async show(picture, segments) {
    this.picture = picture;
    this.segments = new Map(segments.map((segment) => [segment.id, segment]));
    [this.map, this.lit, this.chosen] = [null, 0, 0];
    this.photo.width = picture.width;
    this.photo.height = picture.height;
    this.#source();
    this.view.resize(picture.width, picture.height);
    if (!picture.map) return null;
    try {
      const map = await readMap(picture.map);
      if (this.picture !== picture) return null;
      this.map = map;
      this.draw();
      tell('map', { segments: map.boxes.size });
      return null;
    } catch (error) {
      return error;
    }
  }

  light(id) {
    if (this.lit === id) return;
    this.lit = id;
    this.draw();
  }

  mark(id) {
    this.chosen = id;
    const box = this.map?.boxes.get(id);
    if (box) this.view.reveal(this.#scaled(box));
    if (this.picture) this.#source();
    this.draw();
  }

  zoomTo(id) {
    const box = this.map?.boxes.get(id);
    if (box) this.view.show(this.#scaled(box));
  }

  get marks() { return byId('marks')?.getAttribute('aria-pressed') === 'true'; }

  toggleMarks() {
    const press = byId('marks');
    if (!press || !this.picture) return;
    press.setAttribute('aria-pressed', String(!this.marks));
    this.#source();
    tell('marks', { on: this.marks });
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.#paint());
  }

  // Actions of the keyboard table.
  get actions() {
    return {
      marks: () => this.toggleMarks(),
      zoom_in: () => this.view.zoomIn(),
      zoom_out: () => this.view.zoomOut(),
      zoom_fit: () => this.view.fit(),
      zoom_segment: () => this.zoomTo(this.chosen),
    };
  }

  // With marks on, the picture in which the model saw the chosen segment.
  #source() {
    const marked = this.segments.get(this.chosen)?.marked ?? this.picture.marked;
    const address = this.marks && marked ? marked : this.picture.pixels;
    if (this.photo.getAttribute('src') !== address) this.photo.src = address;
  }

  // The map may be of another size than the picture says.
  #scaled([x0, y0, x1, y1]) {
    const [sx, sy] = [this.picture.width / this.map.width, this.picture.height / this.map.height];
    return [x0 * sx, y0 * sy, x1 * sx, y1 * sy];
  }

  #idAt(event) {
    if (!this.map) return 0;
    const [x, y] = this.view.pixel(event.clientX, event.clientY);
    const id = this.map.at(x * this.map.width / this.picture.width, y * this.map.height / this.picture.height);
    return this.segments.has(id) ? id : 0;
  }

  #listen() {
    const { pane, view } = this;
    pane.addEventListener('pointermove', (event) => {
      if (event.pointerType === 'touch' || event.buttons) return;
      this.#point(this.#idAt(event), event);
    });
    pane.addEventListener('pointerleave', () => this.#point(0, null));
    pane.addEventListener('click', (event) => {
      const id = view.takeDrag() ? 0 : this.#idAt(event);
      if (id) this.choose(id);
    });
    pane.addEventListener('dblclick', (event) => {
      if (view.moved) view.fit();
      else view.zoom(2.5, event.clientX, event.clientY);
    });
    pane.addEventListener('keydown', (event) => {
      const by = ARROWS[event.key];
      if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      view.pan(...by);
    });
    byId('zoom-in').addEventListener('click', () => view.zoomIn());
    byId('zoom-out').addEventListener('click', () => view.zoomOut());
    byId('zoom-fit').addEventListener('click', () => view.fit());
    byId('zoom-segment').addEventListener('click', () => this.zoomTo(this.chosen));
    byId('marks')?.addEventListener('click', () => this.toggleMarks());
  }

  #point(id, event) {
    const changed = id !== this.lit;
    this.light(id);
    this.#showTip(id, event);
    if (!changed) return;
    this.hover(id);
    tell('hover', { segmentId: id || null, caption: this.segments.get(id)?.text ?? '' });
  }

  #showTip(id, event) {
    const segment = this.segments.get(id);
    this.tip.hidden = !segment || !event;
    if (this.tip.hidden) return;
    const captioned = segment.status === 'captioned' || !segment.status;
    this.tip.querySelector('.tip-head').textContent = captioned
      ? segment.class : `${segment.class}, ${words(segment.status)}`;
    this.tip.querySelector('.caption').textContent = segment.text ?? '';
    const frame = this.pane.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.tip;
    const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
    const left = Math.max(8, Math.min(frame.width - width - 8, x + 18));
    const top = y + 24 + height < frame.height ? y + 24 : Math.max(8, y - height - 16);
    this.tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }

  #place() {
    const { view } = this;
    if (!view) return;
    this.photo.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
    this.photo.style.width = `${view.width}px`;
    byId('zoom').textContent = `${Math.round(100 * view.scale)}%`;
    this.draw();
    tell('view', { scale: view.scale, x: view.x, y: view.y });
  }

  #paint() {
    const { canvas, view, map } = this;
    const box = this.pane.getBoundingClientRect();
    const dense = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(box.width * dense), Math.round(box.height * dense)];
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    const pen = canvas.getContext('2d');
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, width, height);
    if (!map) return;
    const sx = dense * view.scale * this.picture.width / map.width;
    const sy = dense * view.scale * this.picture.height / map.height;
    pen.setTransform(sx, 0, 0, sy, dense * view.x, dense * view.y);
    const pixel = dense / sx;
    if (this.lit) {
      const path = new Path2D();
      path.rect(0, 0, map.width, map.height);
      path.addPath(map.path(this.lit));
      pen.fillStyle = VEIL;
      pen.fill(path, 'evenodd');
      this.#outline(pen, this.lit, LIGHT, 2 * pixel);
    }
    if (this.chosen && this.chosen !== this.lit) {
      this.#outline(pen, this.chosen, this.segments.get(this.chosen)?.color ?? LIGHT, 2.4 * pixel);
    }
  }

  #outline(pen, id, colour, line) {
    const path = this.map.path(id);
    pen.lineJoin = 'round';
    pen.strokeStyle = HALO;
    pen.lineWidth = 2.2 * line;
    pen.stroke(path);
    pen.strokeStyle = colour;
    pen.lineWidth = line;
    pen.stroke(path);
  }
}
