// @ts-check
/** The volumes behind the pictures, in three planes and in three dimensions, by NiiVue. */
const volumes = (() => {
  // Labels have the colours of the pictures: 1 new, 2 enlarging, 3 shrinking, 4 resolved, then others.
  const COLOURS = ["#000000", "#ff5a5a", "#ffb000", "#4f9dff", "#5ee6c4", "#c77dff", "#c8e05a", "#ff8fd0", "#7ad0ff"];
  /** @type {Record<string, {colormap: string, cal_min?: number, cal_max?: number}>} */
  const looks = {
    grey: { colormap: "gray", cal_min: 0, cal_max: 255 },
    labels: { colormap: "red", cal_min: 0, cal_max: COLOURS.length },
    loss: { colormap: "red", cal_min: 20, cal_max: 255 },
    growth: { colormap: "blue", cal_min: 20, cal_max: 255 },
  };
  // NiiVue goes by the ending.
  const NAME = ["volume", "nii"].join(".");
  /** @param {string} id @returns {any} */
  const part = (id) => document.getElementById(id);
  /** @type {any} */
  let view = null;

  const load = () => new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = "/static/niivue.js";
    script.onload = resolve;
    script.onerror = () => reject(new Error("The view in three dimensions is not there."));
    document.head.append(script);
  });

  /** @param {number} place of a byte of the colour */
  const channel = (place) => COLOURS.map((colour) => parseInt(colour.slice(1 + 2 * place, 3 + 2 * place), 16));

  const table = () => ({
    R: channel(0), G: channel(1), B: channel(2), I: COLOURS.map((_, place) => place),
    A: COLOURS.map((_, place) => (place ? 255 : 0)), labels: COLOURS.map(() => ""),
  });

  const isOpen = () => !part("viewer").hidden;

  const close = () => {
    part("viewer").hidden = true;
    part("pictures").hidden = false;
  };

  const setOpacity = () => {
    for (let place = 1; place < (view?.volumes.length || 0); place += 1) {
      view.setOpacity(place, Number(part("opacity").value));
    }
  };

  /** @param {string} key @param {string[]} layers */
  const open = async (key, layers) => {
    const window_ = /** @type {any} */ (window);
    if (!window_.niivue) await load();
    if (!window_.niivue?.Niivue) throw new Error("What --niivue names is not NiiVue's niivue.umd.js.");
    part("pictures").hidden = true;
    part("viewer").hidden = false;
    if (!view) {
      view = new window_.niivue.Niivue({ show3Dcrosshair: true, isRadiologicalConvention: true, dragAndDropEnabled: false, multiplanarLayout: 2, multiplanarShowRender: 1, crosshairWidth: 0.5 });
      await view.attachToCanvas(part("canvas"));
      view.setSliceType(view.sliceTypeMultiplanar);
    }
    await view.loadVolumes(layers.map((layer, place) => ({
      url: `/item/${key}/volume/${place + 1}`, name: NAME, ...looks[layer],
    })));
    layers.forEach((layer, place) => {
      if (layer === "labels") view.volumes[place].setColormapLabel(table());
    });
    view.updateGLVolume();
    setOpacity();
  };

  part("opacity").addEventListener("input", setOpacity);
  return { open, close, isOpen };
})();
