// Shows the records that fit all filters. Without it, the page shows every record.
(() => {
  "use strict";
  const field = (name) => document.getElementById("by-" + name);
  const records = [...document.querySelectorAll("#list article")].map((element) => ({
    element,
    data: element.dataset,
    categories: element.dataset.categories.split(" "),
    text: element.querySelector(".texts").textContent.toLowerCase(),
  }));
  const output = document.getElementById("shown");

  function update() {
    const wanted = {};
    for (const name of ["choice", "task", "category", "kind"]) wanted[name] = field(name).value;
    const words = field("text").value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const { element, data, categories, text } of records) {
      const fits =
        (!wanted.choice || data.choice === wanted.choice) &&
        (!wanted.task || data.task === wanted.task) &&
        (!wanted.kind || data.kind === wanted.kind) &&
        (!wanted.category || categories.includes(wanted.category)) &&
        words.every((word) => text.includes(word));
      element.hidden = !fits;
      count += fits;
    }
    output.textContent = count + " of " + records.length + " records";
  }

  const form = document.getElementById("filter");
  form.hidden = false;
  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  update();
})();
