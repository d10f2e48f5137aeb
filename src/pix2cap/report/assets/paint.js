// What the canvas over a picture shows: one lit segment, all segments tinted, or nothing.
const VEIL = 'rgb(8 9 12 / 0.6)';
const HALO = [10, 10, 12];
const LINE = [255, 255, 255];
const TINT_ALPHA = 120;

// Small pictures are painted at twice their size so that outlines come out smooth.
const paintScale = (width, height) => (Math.max(width, height) <= 800 ? 2 : 1);

function paint(card) {
  if (!card.map) return;
  const { canvas } = card;
  const pen = canvas.getContext('2d');
  pen.clearRect(0, 0, canvas.width, canvas.height);
  if (card.lit) paintLit(card, pen);
  else if (tintButton.getAttribute('aria-pressed') === 'true') paintAll(card, pen);
}

// Everything but the segment is veiled. Its outline is its own silhouette, stamped around a small
// circle in dark and then in white, with the silhouette itself cut out again.
function paintLit(card, pen) {
  const { canvas, width, lit } = card;
  const [x0, y0, x1, y1] = card.boxes[lit - 1];
  if (x1 <= x0) return;
  const scale = canvas.width / width;
  const [w, h] = [x1 - x0, y1 - y0];
  const silhouette = new ImageData(w, h);
  for (let y = 0, at = 0; y < h; y += 1) {
    for (let x = 0; x < w; x += 1, at += 1) {
      if (card.map[(y + y0) * width + x + x0] === lit) silhouette.data[4 * at + 3] = 255;
    }
  }
  const line = Math.max(canvas.width, canvas.height) / 500;
  const stamp = (colour, radius, steps) => {
    for (let at = 0; at < silhouette.data.length; at += 4) silhouette.data.set(colour, at);
    const stencil = sheetOf(silhouette);
    for (let step = 0; step < steps; step += 1) {
      const turn = 2 * Math.PI * step / steps;
      const [x, y] = [x0 * scale + radius * Math.cos(turn), y0 * scale + radius * Math.sin(turn)];
      pen.drawImage(stencil, x, y, w * scale, h * scale);
    }
    return stencil;
  };
  pen.fillStyle = VEIL;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  stamp(HALO, 1.7 * line, 12);
  const stencil = stamp(LINE, line, 8);
  pen.globalCompositeOperation = 'destination-out';
  pen.drawImage(stencil, x0 * scale, y0 * scale, w * scale, h * scale);
  pen.globalCompositeOperation = 'source-over';
}

function paintAll(card, pen) {
  const { map, width, height } = card;
  const tints = new ImageData(width, height);
  const out = tints.data;
  const colours = card.rows.map((row) => colourOf(row.number));
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 1) {
      const number = map[at];
      if (!number) continue;
      const edge = (x + 1 < width && map[at + 1] !== number) || (y + 1 < height && map[at + width] !== number);
      out.set(edge ? HALO : colours[number - 1], 4 * at);
      out[4 * at + 3] = edge ? 200 : TINT_ALPHA;
    }
  }
  pen.drawImage(sheetOf(tints), 0, 0, card.canvas.width, card.canvas.height);
}

function sheetOf(pixels) {
  const sheet = document.createElement('canvas');
  sheet.width = pixels.width;
  sheet.height = pixels.height;
  sheet.getContext('2d').putImageData(pixels, 0, 0);
  return sheet;
}
