// The whole system with a dashboard: a stage of the end-to-end tests whose bridge serves pages, with
// staff accounts and a browser.
import { rmSync, writeFileSync } from 'node:fs';
import { launch, openPage, logIn, show } from './browser.mjs';
import { Stage, startStage } from '../e2e/harness.mjs';
import { freePort } from '../e2e/processes.mjs';

export const PEOPLE = {
  olga: { role: 'operator', password: 'olga-opens-relays' },
  victor: { role: 'viewer', password: 'victor-only-looks' },
};

export class World {
  static async make({ bridge = [] } = {}) {
    const world = new World();
    const stage = new Stage();
    world.cookies = {}; // by name: a login is remembered
    world.stage = stage;
    world.port = await freePort();
    world.url = `http://127.0.0.1:${world.port}`;
    world.staff = stage.path('state', 'staff');
    for (const [name, person] of Object.entries(PEOPLE)) world.addPerson(name, person);
    await startStage(stage, { bridge: [...world.bridgeOptions(), ...bridge] });
    world.browser = await launch();
    return world;
  }

  addPerson(name, { role, password }) {
    const file = this.stage.path('state', `${name}.password`);
    writeFileSync(file, `${password}\n`, { mode: 0o600 });
    this.stage.ctl(
      'staff',
      'add',
      name,
      '--role',
      role,
      '--file',
      this.staff,
      '--password-file',
      file,
    );
  }

  bridgeOptions() {
    return [
      '--web-listen',
      `127.0.0.1:${this.port}`,
      '--web-staff',
      this.staff,
      '--web-interval-s',
      2,
    ];
  }

  /** A page of somebody who is logged in, or of nobody. */
  async page(name, options) {
    const page = await openPage(this.browser, this.url, {
      storageState: this.cookies[name],
      ...options,
    });
    if (!name) return page;
    const field = page.getByLabel('Password');
    await page.locator('nav.nav').or(field).waitFor();
    if (await field.isVisible()) {
      await logIn(page, name, PEOPLE[name].password);
      await page.locator('nav.nav').waitFor();
      this.cookies[name] = await page.context().storageState();
    }
    return page;
  }

  async at(view, name = 'olga', options = {}) {
    const page = await this.page(name, options);
    await show(page, view);
    return page;
  }

  /** Ends everything; what went wrong, in lines. */
  async end() {
    await this.browser?.close();
    const wrong = await this.stage.end();
    if (wrong.length === 0) rmSync(this.stage.dir, { recursive: true });
    else console.log(`kept ${this.stage.dir}\n${wrong.join('\n')}`);
    return wrong;
  }
}
