import type { Browser, BrowserContext, Page } from 'playwright-core';
import { startChromium } from '../support/chromium.ts';
import type { RealN8n } from '../support/n8n.ts';

/** What is not the workflow: side bar, header, controls, panels. */
const AROUND = `
  [data-test-id=canvas-controls], [data-test-id=canvas-minimap], [data-test-id=logs-panel],
  [data-test-id=command-bar-button], [data-test-id=node-creator-plus-button], [data-test-id=add-sticky-button],
  [data-test-id=toggle-focus-panel-button], [data-test-id=instance-ai-canvas-action-button],
  [data-test-id=execute-workflow-button], [data-test-id=canvas-handle-plus-wrapper], #header, #sidebar
  { display: none !important; }`;

/** Around a workflow that is drawn, and for the name below its lowest node; pixels. */
const [MARGIN, LABEL] = [45, 20];

/** What the editor has to say of a workflow that was imported. */
export interface Imported {
  readonly id: string;
  readonly warnings: readonly string[];
  /** The names of the nodes that it finds fault with. */
  readonly faults: readonly string[];
}

/** n8n's editor in a browser, as the owner sees it. Disposing closes the browser. */
export class Editor implements AsyncDisposable {
  readonly #browser: Browser;
  readonly #context: BrowserContext;
  readonly #url: string;

  private constructor(browser: Browser, context: BrowserContext, url: string) {
    this.#browser = browser;
    this.#context = context;
    this.#url = url;
    context.setDefaultTimeout(60_000);
  }

  static async open(n8n: RealN8n): Promise<Editor> {
    const browser = await startChromium();
    const context = await browser.newContext({ viewport: { width: 1800, height: 1300 } });
    await context.addCookies(n8n.cookies);
    return new Editor(browser, context, n8n.url);
  }

  /** Imports a workflow from a file into a new one, as "Import from file" does, and waits until n8n has saved it. */
  async importFile(file: string): Promise<Imported> {
    const page = await this.#load('/workflow/new', 'workflow-import-input');
    const saved = page.waitForResponse(
      (response) =>
        response.ok() && response.request().method() === 'POST' && response.url().endsWith('/rest/workflows'),
    );
    await page.locator('[data-test-id=workflow-import-input]').setInputFiles(file);
    const { data } = (await (await saved).json()) as { data: { id: string } };
    const warnings = await page.getByRole('alert').allInnerTexts();
    const faulty = page
      .locator('[data-test-id=canvas-node]')
      .filter({ has: page.locator('[data-test-id=node-issues]') });
    const names = (await faulty.all()).map((node) => node.getAttribute('data-node-name'));
    const faults = (await Promise.all(names)).map((name) => name ?? '');
    await page.close();
    return { id: data.id, warnings, faults };
  }

  /** Draws a workflow, and nothing around it, into a PNG file. */
  async draw(id: string, file: string): Promise<void> {
    const page = await this.#load(`/workflow/${id}`, 'canvas-node');
    await page.addStyleTag({ content: AROUND });
    await page.locator('[data-test-id=zoom-to-fit]').dispatchEvent('click');
    // The canvas moves to its place.
    await page.waitForTimeout(1500);
    const parts = await page.locator('[data-test-id=canvas-node], [data-test-id=sticky], .vue-flow__edge').all();
    const boxes = (await Promise.all(parts.map((part) => part.boundingBox()))).filter((box) => box !== null);
    const left = Math.min(...boxes.map(({ x }) => x)) - MARGIN;
    const top = Math.min(...boxes.map(({ y }) => y)) - MARGIN;
    const right = Math.max(...boxes.map(({ x, width }) => x + width)) + MARGIN;
    const bottom = Math.max(...boxes.map(({ y, height }) => y + height)) + MARGIN + LABEL;
    await page.screenshot({ path: file, clip: { x: left, y: top, width: right - left, height: bottom - top } });
    await page.close();
  }

  /**
   * Opens a page and waits until it has an element. Chromium drops what it is loading when a network interface comes or
   * goes, as those of containers do; then it is loaded again.
   */
  async #load(route: string, testId: string): Promise<Page> {
    const page = await this.#context.newPage();
    for (let tries = 3; ; tries -= 1) {
      await page.goto(this.#url + route);
      try {
        await page.locator(`[data-test-id=${testId}]`).first().waitFor({ state: 'attached', timeout: 30_000 });
        return page;
      } catch (error) {
        if (tries === 1) throw error;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}
