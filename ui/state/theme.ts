import { effect, signal } from "@preact/signals";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEY = "tulle-theme";

function stored(): Theme {
  try {
    const value = window.localStorage.getItem(KEY);
    return THEMES.find((theme) => theme === value) ?? "system";
  } catch {
    return "system";
  }
}

export const theme = signal<Theme>(stored());

effect(() => {
  const { documentElement } = document;
  if (theme.value === "system") delete documentElement.dataset["theme"];
  else documentElement.dataset["theme"] = theme.value;
  try {
    window.localStorage.setItem(KEY, theme.value);
  } catch {
    // A browser without storage forgets it.
  }
});
