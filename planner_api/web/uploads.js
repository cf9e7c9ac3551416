// Registering a document: checked first, each broken rule shown with the field it is about.

import { postJson, ProblemError } from "./client.js";
import { byId, element, setText } from "./dom.js";
import { shortDigest } from "./units.js";

const KINDS = [
  ["devices", "Device profile"], ["models", "Model manifest"], ["importance", "Importance table"],
];

export class Uploads {
  /** @param {{onRegistered: () => void}} handlers */
  constructor({ onRegistered }) {
    this.onRegistered = onRegistered;
    this.kind = element("select", { id: "upload-kind" },
      KINDS.map(([value, text]) => element("option", { value }, text)));
    this.file = element("input", { id: "upload-file", type: "file", accept: ".json,application/json" });
    this.register = element("button", { type: "button", id: "upload-register", class: "primary" }, "Register");
    this.state = element("p", { id: "upload-state", role: "status" });
    this.errors = element("ul", { id: "upload-errors", class: "field-errors" });
    byId("upload-body").replaceChildren(element("div", { class: "stack" },
      element("label", { for: "upload-kind" }, "Kind"), this.kind,
      element("label", { for: "upload-file" }, "JSON file"), this.file,
      element("div", { class: "actions" }, this.register), this.state, this.errors));
    this.kind.addEventListener("change", () => this.#clear());
    this.file.addEventListener("change", () => this.#check());
    this.register.addEventListener("click", () => this.#send());
    this.register.disabled = true;
  }

  /** A file was chosen as one kind of document: as another it is to be chosen anew. */
  #clear() {
    this.file.value = "";
    this.errors.replaceChildren();
    return this.#check();
  }

  async #check() {
    this.register.disabled = true;
    const text = await this.file.files[0]?.text();
    if (text === undefined) return this.#say("");
    return this.#attempt(async () => {
      const { document, problem } = await postJson(`/v1/${this.kind.value}/check`, text);
      if (problem) throw new ProblemError(problem);
      this.#say(`In order: ${document.name}, ${shortDigest(document.digest)}`);
      this.register.disabled = false;
    });
  }

  #send() {
    return this.#attempt(async () => {
      const text = await this.file.files[0].text();
      const { name, version } = await postJson(`/v1/${this.kind.value}`, text);
      this.#say(`Registered: ${name}, version ${version}`);
      this.register.disabled = true;
      this.onRegistered();
    });
  }

  async #attempt(act) {
    this.errors.replaceChildren();
    try {
      await act();
    } catch (error) {
      const fields = error instanceof ProblemError ? error.errors : [];
      this.#say(fields.length ? `${fields.length} broken ${fields.length > 1 ? "rules" : "rule"}:`
        : error.message, "error");
      this.errors.replaceChildren(...fields.map(({ pointer, detail }) =>
        element("li", {}, element("code", {}, pointer || "/"), ` ${detail}`)));
    }
  }

  #say(message, kind = "hint") {
    this.state.className = kind;
    setText(this.state, message);
  }
}
