// Looks at pages in a headless browser: node look.mjs CHROMIUM FOLDER [--pictures]
// For each page, width and scheme: what axe finds, what overflows, which charts are empty, what was asked for.
// A picture of each is written beside it. Prints one JSON list.
import { createRequire } from "node:module";
import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const [browserPath, folder, ...options] = process.argv.slice(2);
const browser = await puppeteer.launch({
  executablePath: browserPath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
const found = [];

function measured() {
  const wide = document.documentElement.scrollWidth - window.innerWidth;
  const charts = [...document.querySelectorAll('svg[role="img"]')];
  const drawn = (svg) => svg.querySelector("circle, .line, .whisker");
  const within = (svg) => {
    const frame = svg.getBoundingClientRect();
    return [...svg.querySelectorAll("text, circle, polyline")].every((part) => {
      const box = part.getBoundingClientRect();
      return box.left >= frame.left - 1 && box.right <= frame.right + 1;
    });
  };
  const sizes = charts.flatMap((svg) =>
    [...svg.querySelectorAll("text")].map((text) => text.getBoundingClientRect().height),
  );
  return {
    overflow: Math.max(0, wide),
    charts: charts.length,
    empty: charts.filter((svg) => !drawn(svg) || svg.clientHeight < 50).length,
    cut: charts.filter((svg) => !within(svg)).length,
    smallest: Math.min(...sizes, 99),
  };
}

for (const name of readdirSync(folder).filter((file) => file.endsWith(".html")).sort()) {
  for (const scheme of ["light", "dark"]) {
    for (const width of [360, 768, 1440]) {
      const page = await browser.newPage();
      const asked = [];
      page.on("request", (request) => asked.push(request.url()));
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      await page.setViewport({ width, height: 900 });
      const address = pathToFileURL(resolve(join(folder, name))).href;
      await page.goto(address);
      const measures = await page.evaluate(measured);
      await page.evaluate(axe);
      const checked = await page.evaluate(() => window.axe.run({ resultTypes: ["violations"] }));
      const problems = checked.violations.map(
        (item) => `${item.id}: ${item.nodes.map((node) => node.html.slice(0, 160)).slice(0, 3).join(" | ")}`,
      );
      if (options.includes("--pictures")) {
        const path = join(folder, `${name.replace(".html", "")}-${scheme}-${width}.png`);
        await page.screenshot({ path, fullPage: true });
      }
      found.push({ name, scheme, width, ...measures, problems, asked: asked.filter((url) => url !== address) });
      await page.close();
    }
  }
}
await browser.close();
console.log(JSON.stringify(found));
