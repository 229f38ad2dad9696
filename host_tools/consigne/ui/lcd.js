// A character display as an eye sees it: every dot of every 5x8 cell, lit or not.
//
// The glyphs are the 5x7 dot patterns of the HD44780's usual character ROM (A00) for 0x20 to
// 0x7f: five columns in hex, bit 0 on top. Characters that the firmware drew come with their dots.
const GLYPHS = `
  0000000000 00005F0000 0007000700 147F147F14 242A7F2A12 2313086462 3649562050 0005030000
  001C224100 0041221C00 2A1C7F1C2A 08083E0808 0050300000 0808080808 0060600000 2010080402
  3E5149453E 00427F4000 4261514946 2141454B31 1814127F10 2745454539 3C4A494930 0171090503
  3649494936 064949291E 0036360000 0056360000 0814224100 1414141414 0041221408 0201510906
  324979413E 7E1111117E 7F49494936 3E41414122 7F4141221C 7F49494941 7F09090901 3E4149497A
  7F0808087F 00417F4100 2040413F01 7F08142241 7F40404040 7F020C027F 7F0408107F 3E4141413E
  7F09090906 3E4151215E 7F09192946 4649494931 01017F0101 3F4040403F 1F2040201F 3F4038403F
  6314081463 0708700807 6151494543 007F414100 15167C1615 0041417F00 0402010204 4040404040
  0001020400 2054545478 7F48444438 3844444420 384444487F 3854545418 087E090102 085454543C
  7F08040478 00447D4000 2040443D00 7F10284400 00417F4000 7C04180478 7C08040478 3844444438
  7C14141408 081414187C 7C08040408 4854545420 043F444020 3C4040207C 1C2040201C 3C4030403C
  4428102844 0C5050503C 4464544C44 0008364100 00007F0000 0041360800 08082A1C08 081C2A0808
`.trim().split(/\s+/);

// What the ROM has beyond ASCII, as it looks there.
const OTHERS = {
  "\u2192": "08082A1C08", "\u2190": "081C2A0808", "\u00a5": "15167C1615", "\u2588": "7F7F7F7F7F",
  "\u00e4": "2055545578", "\u00f6": "3845444538", "\u00fc": "3C4140217C", "\u00f1": "7C0A05057A",
  "\u00df": "7E01494A34", "\u00b5": "FC2020101C", "\u00b0": "0007050700", "\u00b7": "0000080000",
  "\u00f7": "08082A0808", "\u00a3": "487E494262", "\u03b1": "3844443844", "\u03a9": "4E7101714E",
  "\u03c0": "043C047C44",
};
const UNKNOWN = "552A552A55"; // the chequered block that stands for what looks like nothing known

function columnsOf(character) {
  const hex = GLYPHS[character.charCodeAt(0) - 32] || OTHERS[character] || UNKNOWN;
  return [0, 2, 4, 6, 8].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

// Rows of dots, bit 4 on the left, as columns of dots, bit 0 on top.
function columnsOfDrawn(rows) {
  return [4, 3, 2, 1, 0].map((bit) => rows.reduce((column, row, y) => column | (((row >> bit) & 1) << y), 0));
}

export default {
  template: `<div class="lcd" role="img" :aria-label="lines.join(' / ')" :data-lines="lines.join('\\n')"><canvas ref="glass"></canvas></div>`,
  props: { lines: Array, drawn: Array, columns: Number, rows: Number, lit: Boolean },
  mounted() {
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.$el);
    this.draw();
  },
  unmounted() {
    this.resized.disconnect();
  },
  watch: {
    lines: { deep: true, handler() { this.draw(); } },
    drawn: { deep: true, handler() { this.draw(); } },
    lit() { this.draw(); },
  },
  methods: {
    draw() {
      const glass = this.$refs.glass;
      const wide = this.columns * 6 + 3;
      const high = this.rows * 10 + 2;
      const scale = window.devicePixelRatio || 1;
      const room = this.$el.clientWidth - 14;
      const dot = Math.max(2, Math.floor((room * scale) / wide)); // whole pixels stay sharp
      glass.width = wide * dot;
      glass.height = high * dot;
      glass.style.width = `${Math.min(room, glass.width / scale)}px`;
      const pen = glass.getContext("2d");
      const light = pen.createLinearGradient(0, 0, glass.width, glass.height);
      light.addColorStop(0, this.lit ? "#1d5f8f" : "#0e171b");
      light.addColorStop(0.55, this.lit ? "#164f80" : "#0b1215");
      light.addColorStop(1, this.lit ? "#123f6c" : "#0a1013");
      pen.fillStyle = light;
      pen.fillRect(0, 0, glass.width, glass.height);
      const size = dot < 3 ? dot : dot - Math.round(dot * 0.2);
      const dark = this.lit ? `rgba(6, 28, 52, ${dot < 3 ? 0.1 : 0.22})` : "rgba(255, 255, 255, 0.03)";
      const drawn = new Map(this.drawn.map(([row, column, dots]) => [row * this.columns + column, dots]));
      for (let row = 0; row < this.rows; row++) {
        const line = Array.from(this.lines[row] || "");
        for (let column = 0; column < this.columns; column++) {
          const own = drawn.get(row * this.columns + column);
          const bits = !this.lit ? [0, 0, 0, 0, 0] : own ? columnsOfDrawn(own) : columnsOf(line[column] || " ");
          for (let x = 0; x < 5; x++) {
            for (let y = 0; y < 8; y++) {
              pen.fillStyle = (bits[x] >> y) & 1 ? "#eafbff" : dark;
              pen.fillRect((column * 6 + x + 2) * dot, (row * 10 + y + 2) * dot, size, size);
            }
          }
        }
      }
    },
  },
};
