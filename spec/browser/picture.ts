import type { Page } from "playwright-core";

/** Runs in a page, where there are means to draw with. */
const DRAW = `(() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 480, height: 270 });
  const pen = canvas.getContext("2d");
  const sky = pen.createLinearGradient(0, 0, 0, 270);
  sky.addColorStop(0, "#14213d");
  sky.addColorStop(0.7, "#5b5f97");
  sky.addColorStop(1, "#ffc145");
  pen.fillStyle = sky;
  pen.fillRect(0, 0, 480, 270);
  pen.fillStyle = "#fffbe6";
  for (let star = 0; star < 60; star++) pen.fillRect((star * 137) % 480, (star * 71) % 150, 2, 2);
  pen.beginPath();
  pen.arc(360, 80, 34, 0, 2 * Math.PI);
  pen.fill();
  pen.fillStyle = "#0b132b";
  pen.fillRect(0, 220, 480, 50);
  pen.fillRect(40, 130, 120, 100);
  for (let post = 36; post < 170; post += 14) pen.fillRect(post, 190, 5, 40);
  return canvas.toDataURL("image/png").split(",")[1];
})()`;

/** A balcony by night, as PNG. */
export async function drawBalcony(page: Page): Promise<Buffer> {
  return Buffer.from(await page.evaluate<string>(DRAW), "base64");
}
