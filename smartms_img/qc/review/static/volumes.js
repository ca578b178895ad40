// @ts-check
/** The volumes behind the pictures, in three planes and in three dimensions, by NiiVue. */
const volumes = (() => {
  /** @type {Record<string, {colormap: string, cal_min?: number, cal_max?: number}>} */
  const looks = {
    grey: { colormap: "gray", cal_min: 0, cal_max: 255 },
    labels: { colormap: "warm", cal_min: 0.5 },
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
    part("pictures").hidden = true;
    part("viewer").hidden = false;
    if (!view) {
      view = new window_.niivue.Niivue({ show3Dcrosshair: true, isRadiologicalConvention: true, dragAndDropEnabled: false });
      await view.attachToCanvas(part("canvas"));
      view.setSliceType(view.sliceTypeMultiplanar);
    }
    await view.loadVolumes(layers.map((layer, place) => ({
      url: `/item/${key}/volume/${place + 1}`, name: NAME, ...looks[layer],
    })));
    setOpacity();
  };

  part("opacity").addEventListener("input", setOpacity);
  return { open, close, isOpen };
})();
