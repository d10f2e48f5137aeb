// The cards of the page and the maps that say which segment a pixel belongs to.
const root = document.documentElement;
const main = document.getElementById('pictures');
const search = document.getElementById('search');
const classes = document.getElementById('class');
const found = document.getElementById('found');
const tintButton = document.getElementById('tint');
const gridButton = document.getElementById('grid');
const schemeButton = document.getElementById('scheme');
const chips = [...document.querySelectorAll('.chip')];
const cards = [...main.querySelectorAll('.card')].map(makeCard);
const byElement = new Map(cards.map((card) => [card.element, card]));

function makeCard(element) {
  const rows = [...element.querySelectorAll('.row')].map((row) => ({
    element: row,
    number: Number(row.dataset.number),
    segment: row.dataset.segment,
    status: row.dataset.status,
    className: row.dataset.class,
    words: `${row.dataset.class} ${row.querySelector('.caption')?.textContent ?? ''}`.toLocaleLowerCase(),
  }));
  return {
    element,
    rows,
    figure: element.querySelector('.figure'),
    picture: element.querySelector('img'),
    canvas: element.querySelector('canvas'),
    tip: element.querySelector('.tip'),
    list: element.querySelector('.list'),
    map: null, // Uint16Array (height x width) of row numbers while the card is near the window
    width: 0,
    height: 0,
    decoding: null,
    boxes: [],
    lit: 0,
    held: 0,
    near: false,
    coloured: false,
  };
}

const cardOf = (target) => byElement.get(target.closest?.('.card'));
const rowOf = (card, number) => card.rows[number - 1];
const tell = (target, name, detail) =>
  target.dispatchEvent(new CustomEvent(`pix2cap:${name}`, { bubbles: true, detail }));

// Colours far apart for numbers in a row: the golden angle around the OKLCH wheel.
function colourOf(number) {
  const hue = (number * 137.508 + 20) * Math.PI / 180;
  const light = [0.74, 0.66, 0.81][number % 3];
  const a = 0.14 * Math.cos(hue);
  const b = 0.14 * Math.sin(hue);
  const l = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (light - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ].map((linear) => {
    const c = Math.min(1, Math.max(0, linear));
    return Math.round(255 * (c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055));
  });
}

function colourRows(card) {
  if (card.coloured) return;
  card.coloured = true;
  for (const row of card.rows) row.element.style.setProperty('--colour', `rgb(${colourOf(row.number).join(' ')})`);
}

function decode(card) {
  card.decoding ??= readMap(card).catch((error) => {
    card.element.dataset.map = 'unreadable';
    console.error(`image ${card.element.dataset.image}: the segment map could not be read`, error);
  });
  return card.decoding;
}

async function readMap(card) {
  const bytes = Uint8Array.from(atob(card.canvas.dataset.map), (char) => char.charCodeAt(0));
  // Without these two options a colour profile or alpha would bend the numbers.
  const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }), {
    colorSpaceConversion: 'none',
    premultiplyAlpha: 'none',
  });
  const { width, height } = bitmap;
  const scratch = document.createElement('canvas');
  scratch.width = width;
  scratch.height = height;
  const pen = scratch.getContext('2d', { willReadFrequently: true });
  pen.drawImage(bitmap, 0, 0);
  bitmap.close();
  const rgba = pen.getImageData(0, 0, width, height).data;
  const map = new Uint16Array(width * height);
  const boxes = card.rows.map(() => [width, height, 0, 0]);
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 1) {
      const number = rgba[4 * at] + 256 * rgba[4 * at + 1];
      if (number === 0 || number > boxes.length) continue;
      map[at] = number;
      const box = boxes[number - 1];
      if (x < box[0]) box[0] = x;
      if (y < box[1]) box[1] = y;
      if (x >= box[2]) box[2] = x + 1;
      if (y >= box[3]) box[3] = y + 1;
    }
  }
  if (!card.near) { // scrolled past while decoding
    card.decoding = null;
    return;
  }
  Object.assign(card, { map, boxes, width, height });
  card.canvas.width = width * paintScale(width, height);
  card.canvas.height = height * paintScale(width, height);
  paint(card);
  card.element.dataset.map = 'read';
  tell(card.element, 'map', { imageId: Number(card.element.dataset.image) });
}

function forget(card) {
  if (card.lit) return;
  card.map = null;
  card.decoding = null;
  card.canvas.width = card.canvas.height = 1;
  delete card.element.dataset.map;
}
