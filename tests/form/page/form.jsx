/* A host's settings form: any connector's schema in, the settings object out. Nothing here knows the connector. */
import Form, { getDefaultRegistry } from "@rjsf/core";
import { customizeValidator } from "@rjsf/validator-ajv8";
import Ajv2020 from "ajv/dist/2020.js";
import { useState } from "react";
import { createRoot } from "react-dom/client";

const validator = customizeValidator({ AjvClass: Ajv2020 });
const { ObjectFieldTemplate } = getDefaultRegistry().templates;

/** What the contract says of one property, in the generator's words: its widget, and its first example as a placeholder. */
function fieldUi(property) {
  const ui = {};
  const [example] = property.examples ?? [];
  if (property["x-widget"]) ui["ui:widget"] = property["x-widget"];
  if (typeof example === "string") ui["ui:placeholder"] = example;
  if (property.items) ui.items = fieldUi(property.items);
  return ui;
}

function formUi(schema) {
  const fields = Object.entries(schema.properties).map(([name, property]) => [name, fieldUi(property)]);
  return Object.fromEntries(fields);
}

/** The generator's own template, with what is `x-advanced` folded away unless it holds an error. */
function FoldedObject(props) {
  const isAdvanced = ({ name }) => Boolean(props.schema.properties?.[name]?.["x-advanced"]);
  const advanced = props.properties.filter(isAdvanced);
  const hasError = advanced.some(({ name }) => props.errorSchema?.[name]);
  return (
    <>
      <ObjectFieldTemplate {...props} properties={props.properties.filter((one) => !isAdvanced(one))} />
      {advanced.length > 0 && (
        <details open={hasError}>
          <summary>Advanced</summary>
          {advanced.map(({ content }) => content)}
        </details>
      )}
    </>
  );
}

/** The plugin's answer: its summary, and what to do about each check that is not ok. */
function Answer({ status, summary, checks }) {
  const troubles = checks.filter((check) => check.status === "failed" || check.status === "warning");
  return (
    <section id="answer" className={status}>
      <p>{summary}</p>
      <ul>
        {troubles.map(({ name, title, message, remedy }) => (
          <li key={name}>
            <b>{title}</b>: {message} {remedy}
          </li>
        ))}
      </ul>
    </section>
  );
}

function SettingsForm({ schema }) {
  const [formData, setFormData] = useState({});
  const [answer, setAnswer] = useState(null);
  const messages = Object.entries(answer?.field_errors ?? {});

  async function submit({ formData: settings }) {
    setAnswer(null);
    const response = await fetch("validate", { method: "POST", body: JSON.stringify(settings) });
    setAnswer(await response.json());
  }

  return (
    <>
      <Form
        schema={schema}
        uiSchema={formUi(schema)}
        validator={validator}
        templates={{ ObjectFieldTemplate: FoldedObject }}
        formData={formData}
        extraErrors={Object.fromEntries(messages.map(([name, message]) => [name, { __errors: [message] }]))}
        onChange={(change) => setFormData(change.formData)}
        onSubmit={submit}
        showErrorList={false}
        focusOnFirstError
        noHtml5Validate
      />
      {answer && <Answer {...answer} />}
    </>
  );
}

const response = await fetch("schema.json");
createRoot(document.getElementById("form")).render(<SettingsForm schema={await response.json()} />);
