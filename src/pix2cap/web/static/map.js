// The id map of a picture: which segment lies under a pixel, and the outline of each.

// Reads an RGB PNG whose pixels are R + 256 G + 65536 B. Colour management and alpha would change the
// numbers, so both are off.
export async function readMap(address) {
  const reply = await fetch(address);
  if (!reply.ok) throw new Error(`the map of the segments could not be loaded (${reply.status})`);
  const bitmap = await createImageBitmap(await reply.blob(), {
    colorSpaceConversion: 'none',
    premultiplyAlpha: 'none',
  });
  const { width, height } = bitmap;
  const sheet = new OffscreenCanvas(width, height);
  const pen = sheet.getContext('2d', { willReadFrequently: true });
  pen.drawImage(bitmap, 0, 0);
  bitmap.close();
  return new SegmentMap(width, height, pen.getImageData(0, 0, width, height).data);
}

export class SegmentMap {
  // rgba: bytes of the PNG, four a pixel.
  constructor(width, height, rgba) {
    this.width = width;
    this.height = height;
    this.ids = new Uint32Array(width * height);
    this.boxes = new Map();
    this.paths = new Map();
    for (let y = 0, at = 0; y < height; y += 1) {
      let start = 0;
      for (let x = 0; x < width; x += 1, at += 1) {
        const id = rgba[4 * at] + 256 * rgba[4 * at + 1] + 65536 * rgba[4 * at + 2];
        this.ids[at] = id;
        // Boxes grow by runs of one id, not by pixels: a large picture has millions of them.
        if (x && id !== this.ids[at - 1]) {
          this.#grow(this.ids[at - 1], start, x, y);
          start = x;
        }
      }
      if (width) this.#grow(this.ids[at - 1], start, width, y);
    }
  }

  // Boxes are pixels [x0, y0, x1, y1], the last two exclusive.
  #grow(id, x0, x1, y) {
    if (!id) return;
    const box = this.boxes.get(id);
    if (!box) this.boxes.set(id, [x0, y, x1, y + 1]);
    else {
      box[0] = Math.min(box[0], x0);
      box[2] = Math.max(box[2], x1);
      box[3] = y + 1;
    }
  }

  // The id at a place given in map pixels; 0 for none.
  at(x, y) {
    const [column, row] = [Math.floor(x), Math.floor(y)];
    if (column < 0 || row < 0 || column >= this.width || row >= this.height) return 0;
    return this.ids[row * this.width + column];
  }

  // Outline of a segment with all its parts and holes, to be filled evenodd; made once.
  path(id) {
    let path = this.paths.get(id);
    if (!path) {
      path = new Path2D();
      for (const loop of this.loops(id)) {
        loop.forEach(([x, y], index) => (index ? path.lineTo(x, y) : path.moveTo(x, y)));
        path.closePath();
      }
      this.paths.set(id, path);
    }
    return path;
  }

  // Closed loops through the middles of the pixel edges, so that diagonals come out straight.
  loops(id) {
    const box = this.boxes.get(id);
    if (!box) return [];
    const [x0, y0, x1, y1] = box;
    const columns = x1 - x0 + 1;
    const edges = this.#edges(id, box, columns);
    const found = [];
    for (let start = 0; start < edges.length; start += 1) {
      while (edges[start]) found.push(walk(edges, start, columns, x0, y0));
    }
    return found;
  }

  // For every corner of the box the directions in which an edge leaves it with the segment on its right:
  // bit 0 east, 1 south, 2 west, 3 north.
  #edges(id, [x0, y0, x1, y1], columns) {
    const { ids, width, height } = this;
    const edges = new Uint8Array(columns * (y1 - y0 + 1));
    for (let y = y0; y < y1; y += 1) {
      for (let x = x0; x < x1; x += 1) {
        const at = y * width + x;
        if (ids[at] !== id) continue;
        const corner = (y - y0) * columns + x - x0;
        if (y === 0 || ids[at - width] !== id) edges[corner] |= 1;
        if (x === width - 1 || ids[at + 1] !== id) edges[corner + 1] |= 2;
        if (y === height - 1 || ids[at + width] !== id) edges[corner + columns + 1] |= 4;
        if (x === 0 || ids[at - 1] !== id) edges[corner + columns] |= 8;
      }
    }
    return edges;
  }
}

const DX = [1, 0, -1, 0];
const DY = [0, 1, 0, -1];

// Follows the edges from a corner back to it and takes them out.
function walk(edges, start, columns, x0, y0) {
  const loop = [];
  let corner = start;
  let heading = 31 - Math.clz32(edges[start] & -edges[start]);
  do {
    edges[corner] &= ~(1 << heading);
    const x = x0 + corner % columns + DX[heading] / 2;
    const y = y0 + Math.floor(corner / columns) + DY[heading] / 2;
    push(loop, x, y);
    corner += DX[heading] + DY[heading] * columns;
    // Turning right first keeps pixels that only touch at a corner apart.
    heading = [heading + 1, heading, heading + 3].map((turn) => turn % 4).find((turn) => edges[corner] & (1 << turn));
  } while (corner !== start && heading !== undefined);
  return loop;
}

// Points on a straight line are left out.
function push(loop, x, y) {
  const last = loop.at(-1);
  const before = loop.at(-2);
  if (before && (last[0] - before[0]) * (y - last[1]) === (last[1] - before[1]) * (x - last[0])
    && (last[0] - before[0]) * (x - last[0]) + (last[1] - before[1]) * (y - last[1]) > 0) loop.pop();
  loop.push([x, y]);
}
