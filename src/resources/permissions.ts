/** What somebody may be given beside a role, since it tells of people's requests and not of configuration. A name is public: add, never rename. */
export const PERMISSIONS = ["tail", "explain"] as const;

export type Permission = (typeof PERMISSIONS)[number];
