/**
 * Names and numbers that the agent shares with the stack and with its clients. No code, no imports: the stack reads
 * this file to wire the pod, and nothing else of the agent.
 * @module
 */

/** The port the agent listens on in the pod. */
export const AGENT_PORT = 3000;

/** Every setting of the agent by its environment variable; `agent/settings.ts` is their only reader. */
export const AGENT_ENV = {
  host: 'AGENT_HOST',
  port: 'AGENT_PORT',
  allowedHosts: 'AGENT_ALLOWED_HOSTS',
  token: 'AGENT_TOKEN',
  tokenSha256: 'AGENT_TOKEN_SHA256',
  watchdogTokenSha256: 'AGENT_WATCHDOG_TOKEN_SHA256',
  stateDir: 'AGENT_STATE_DIR',
  workspaceDir: 'AGENT_WORKSPACE_DIR',
  sessionDir: 'AGENT_SESSION_DIR',
  claudePath: 'AGENT_CLAUDE_PATH',
  queueLimit: 'AGENT_QUEUE_LIMIT',
  graceSeconds: 'AGENT_GRACE_SECONDS',
  model: 'AGENT_MODEL',
  permissionMode: 'AGENT_PERMISSION_MODE',
  authMode: 'AGENT_AUTH_MODE',
  credentialFile: 'AGENT_CREDENTIAL_FILE',
  warmStart: 'AGENT_WARM_START',
  mcpConfig: 'AGENT_MCP_CONFIG',
  claudeSettings: 'AGENT_CLAUDE_SETTINGS',
  workspaceLifetime: 'AGENT_WORKSPACE_LIFETIME',
  workspaceMegabytes: 'AGENT_WORKSPACE_MEGABYTES',
  conversationDays: 'AGENT_CONVERSATION_DAYS',
  conversationMegabytes: 'AGENT_CONVERSATION_MEGABYTES',
  recordDays: 'AGENT_RECORD_DAYS',
  recordCount: 'AGENT_RECORD_COUNT',
  recordMegabytes: 'AGENT_RECORD_MEGABYTES',
  callbackHosts: 'AGENT_CALLBACK_HOSTS',
  callbackSecretFile: 'AGENT_CALLBACK_SECRET_FILE',
  callbackTimeoutSeconds: 'AGENT_CALLBACK_TIMEOUT_SECONDS',
  callbackGiveUpSeconds: 'AGENT_CALLBACK_GIVE_UP_SECONDS',
  n8nUrl: 'AGENT_N8N_URL',
  stack: 'AGENT_STACK',
  logLevel: 'AGENT_LOG_LEVEL',
} as const;

/** Where the credential of Claude Code comes from. */
export const AUTH_MODES = ['session', 'oauthToken', 'apiKey', 'federation'] as const;

/** One of {@link AUTH_MODES}. */
export type AuthMode = (typeof AUTH_MODES)[number];

/** The variable by which `claude` takes the credential of a mode that keeps it in no file of its own. */
export const CREDENTIAL_VARIABLES = { oauthToken: 'CLAUDE_CODE_OAUTH_TOKEN', apiKey: 'ANTHROPIC_API_KEY' } as const;

/** The variables by which `claude` takes what it exchanges an identity token with. */
export const FEDERATION_VARIABLES = {
  ruleId: 'ANTHROPIC_FEDERATION_RULE_ID',
  organizationId: 'ANTHROPIC_ORGANIZATION_ID',
  serviceAccountId: 'ANTHROPIC_SERVICE_ACCOUNT_ID',
  workspaceId: 'ANTHROPIC_WORKSPACE_ID',
} as const;

/** The variable that names the file with the identity token. */
export const IDENTITY_TOKEN_VARIABLE = 'ANTHROPIC_IDENTITY_TOKEN_FILE';

/** How Anthropic writes the ids of a federation, and what to call that. The stack asks for the same ones. */
export const FEDERATION_IDS = {
  ruleId: { pattern: /^fdrl_\w{1,200}$/, allowed: 'the id of a federation rule (fdrl_…)' },
  organizationId: {
    pattern: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i,
    allowed: "the organization's id, a UUID (Claude Console, Settings, Organization)",
  },
  serviceAccountId: { pattern: /^svac_\w{1,200}$/, allowed: 'the id of a service account of Anthropic (svac_…)' },
  workspaceId: { pattern: /^(wrkspc_\w{1,200}|default)$/, allowed: 'the id of a workspace (wrkspc_…), or default' },
} as const;

/** The folder inside the state folder where `claude` keeps access tokens that it got for identity tokens. */
export const FEDERATION_CACHE_FOLDER = 'federation';

/**
 * How long what a run leaves in the workspace lives: `keep` until somebody removes it; `run` as long as the run, where it
 * names no folder.
 */
export const WORKSPACE_LIFETIMES = ['keep', 'run'] as const;

/** One of {@link WORKSPACE_LIFETIMES}. */
export type WorkspaceLifetime = (typeof WORKSPACE_LIFETIMES)[number];

/** The permission modes of `claude --permission-mode` that make sense without a person to ask. */
export const PERMISSION_MODES = ['bypassPermissions', 'acceptEdits', 'dontAsk', 'plan', 'default'] as const;

/** One of {@link PERMISSION_MODES}. */
export type PermissionMode = (typeof PERMISSION_MODES)[number];

/** How hard Claude thinks, as `claude --effort` takes it. */
export const EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max'] as const;

/** One of {@link EFFORTS}. */
export type Effort = (typeof EFFORTS)[number];

/** A model's name or alias, as `claude --model` takes it: a regular expression. */
export const MODEL_NAME = '[A-Za-z0-9_][A-Za-z0-9_.:@/[\\]-]{0,199}';

/** A text that is one. */
export const MODEL = new RegExp(`^${MODEL_NAME}$`);

/** What to call that. */
export const MODEL_ALLOWED = 'the name of a model, such as "sonnet" or "claude-opus-5-5"';

/** What the agent logs: this level and those after it. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/**
 * The living session's folder inside the state folder, where a seed is copied to. The image's `claude` wrapper uses the
 * same one, so that `kubectl exec … -- claude` answers with the agent's own login.
 */
export const SESSION_FOLDER = 'claude';

/** Every way a run can end, with the exit code that `POST /run` reports for it. */
export const EXIT_CODES = {
  succeeded: 0,
  failed: 1,
  auth_failed: 57,
  unavailable: 69,
  usage_limited: 75,
  timed_out: 124,
  cancelled: 130,
  interrupted: 143,
} as const;

/** How a run ended. */
export type Outcome = keyof typeof EXIT_CODES;

/** What `POST /auth/check` says of the login, as `state` of its JSON answer (HTTP 200 for every one of them). */
export const AUTH_STATES = ['ok', 'auth_failed', 'usage_limited', 'outage', 'busy'] as const;

/**
 * Why the login does not answer, as `cause` of the same answer, for a program that words it for people. `no_credential`:
 * there is none to try. `refused`: Anthropic does not take it. `not_renewed`: it has to be renewed and nobody could be
 * asked. `claude_failed`: `claude` itself, not Anthropic.
 */
export const LOGIN_CAUSES = [
  'no_credential',
  'refused',
  'organization',
  'billing',
  'usage_limit',
  'rate_limit',
  'anthropic_error',
  'unreachable',
  'no_answer',
  'not_renewed',
  'claude_failed',
] as const;

/** One of {@link LOGIN_CAUSES}. */
export type LoginCause = (typeof LOGIN_CAUSES)[number];

/** One of {@link AUTH_STATES}. */
export type AuthState = (typeof AUTH_STATES)[number];

/**
 * Limits of a run's request: characters, milliseconds, bytes of the body and of a JSON Schema, levels of arrays and objects
 * in a field. SQLite's JSON functions take 1000 levels, `JSON.stringify` some thousands.
 */
export const RUN_LIMITS = {
  promptChars: 100_000,
  timeoutMs: 600_000,
  defaultTimeoutMs: 300_000,
  bodyBytes: 1_048_576,
  systemPromptChars: 20_000,
  schemaBytes: 65_536,
  nesting: 100,
  tools: 100,
  turns: 1000,
  budgetUsd: 10_000,
  fallbackModels: 5,
  labels: 20,
  callbackUrlChars: 2048,
} as const;

/** The file in a Claude configuration folder that holds the login. */
export const CREDENTIALS_FILE = '.credentials.json';

/** The file in the state folder that holds an API token which was made, not given. */
export const TOKEN_FILE = 'agent-token';

/** The file in the state folder that holds the secret that signs callbacks, where it was made, not given. */
export const CALLBACK_SECRET_FILE = 'callback-secret';

/** A secret that signs callbacks, as Standard Webhooks writes it: `whsec_` and the base64 of 24 to 64 bytes. */
export const CALLBACK_SECRET =
  /^whsec_((?:[A-Za-z0-9+/]{4}){8,20}(?:[A-Za-z0-9+/]{4}(?:[A-Za-z0-9+/]{2}==)?|[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/;

/** A host that callbacks may go to: `host`, `*.suffix` or an address, with a port or without. */
export const CALLBACK_HOST =
  /^(?<suffix>\*\.)?(?<hostname>\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?)(?::(?<port>[1-9]\d{0,4}))?$/i;

/** A name by which the agent is called: `host`, or `*.suffix` for every name below it; without a port. */
export const ALLOWED_HOST = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/i;

/** What of a Claude configuration folder makes a session: a seed holds these entries (files or folders) and no others. */
export const SESSION_ENTRIES = [
  CREDENTIALS_FILE,
  'settings.json',
  'CLAUDE.md',
  'skills',
  'agents',
  'commands',
] as const;

const keys = (text: string): readonly string[] => text.trim().split(/\s+/);

/**
 * The keys that `claude` 2.1.330 knows in a settings file, as its own schema names them; the schema is part of the CLI, and
 * `test/contract/settings-keys.test.ts` compares both. The CLI leaves out any other key and says nothing, so that a rule
 * under a misspelt key does not hold. By the path of the object that has the keys, with dots; '' is the whole file. Objects
 * that are not named here are open, or a misspelt key in them takes no protection away.
 */
export const CLAUDE_SETTINGS_KEYS: Readonly<Record<string, readonly string[]>> = {
  '': keys(`
    $schema additionalDirectoryConfigRoots additionalMarketplaces advisorModel agent agentPushNotifEnabled
    allowAllClaudeAiMcps allowClaudeInChromeWithManagedMcp allowedChannelPlugins allowedHttpHookUrls
    allowedMarketplaces allowedMcpServers allowedProviders allowManagedHooksOnly allowManagedMcpServersOnly
    allowManagedPermissionRulesOnly allowNestedModelAccessUnderForceLogin alwaysThinkingEnabled apiKeyHelper
    appendPlugins askUserQuestionTimeout attribution attributionProject attributionProjectPolicy autoCompactEnabled
    autoCompactOfferAnswer autoCompactRaisedForLoad autoCompactWindow autoContinueAtUsageLimit autoDreamEnabled
    autoMemoryDirectory autoMemoryEnabled autoMode autoScrollEnabled autoUpdatesChannel autoUploadSessions
    availableModels availableModelsMatch awaySummaryEnabled awsAuthRefresh awsCredentialExport axScreenReader
    bashEditDiffEnabled bashOutputMaxChars blockedMarketplaces breakReminder channelsEnabled claudeMd
    claudeMdExcludes clawdFileProgressEnabled cleanupPeriodDays companyAnnouncements crossSessionInbound
    daemonColdStart defaultShell defaultView deniedMcpServers deniedModels desktopMcpServersListScope
    desktopSessionCleanupPeriodDays dialogExpiry disableAgentView disableAllHooks disableArtifact disableAutoMode
    disableBundledSkills disableClaudeAiConnectors disableCommandPluginSources disableDeepLinkRegistration
    disableDirectMcpSkills disabledMcpjsonServers disableRemoteControl disableReplyCheck disableSideloadFlags
    disableSkillShellExecution disableWindowsBashCommandSplit disableWorkflows doneMeansMerged editorMode
    effortLevel emojiCompletionEnabled enableAllProjectMcpServers enableArtifact enabledMcpjsonServers
    enabledPlugins enableWorkflows enforceAvailableModels env extraKnownMarketplaces fallbackModel fastMode
    fastModePerSessionOptIn feedbackDrafts feedbackSurveyRate fileCheckpointingEnabled fileSuggestion
    footerLinksRegexes forceLoginGatewayUrl forceLoginMethod forceLoginOrgUUID forceRemoteSettingsRefresh
    gatewayInternalNetworks gcpAuthRefresh hooks httpHookAllowedEnvVars idleCompaction includeCoAuthoredBy
    includeGitInstructions inputNeededNotifEnabled isolatePeerMachines keybindingFlavor language managedMcpServers
    managedSourcesBehavior maxEffortLevel maxProseWidth minimumVersion model modelOverrides modelPicker modelPricing
    modelProposedGoals modelSettings otelHeadersHelper outputStyle parentSettingsBehavior permissions plansDirectory
    pluginConfigs pluginSuggestionMarketplaces pluginTrustMessage policyHelper policyHelpers precomputeArmTokens
    precomputeCompactionEnabled preferredNotifChannel prefersReducedMotion prependPlugins processWrapper
    promptCacheTtl promptSuggestionEnabled proxyAuthHelper prUrlTemplate quietHours remote remoteControl
    remoteControlAtStartup remoteMessageReceipts remoteTools requiredMaximumVersion requiredMinimumVersion
    respectGitignore respondToBashCommands responseComparisonEnabled sandbox showClearContextOnPlanAccept
    showMessageTimestamps showThinkingSummaries showTurnDuration skillListingBudgetFraction skillListingMaxDescChars
    skillOverrides skipAutoPermissionPrompt skipDangerousModePermissionPrompt skipWebFetchPreflight
    skipWorkflowUsageWarning spellcheck spinnerTipsEnabled spinnerTipsOverride spinnerVerbs sshConfigs
    sshHostCommands statusLine strictKnownMarketplaces strictPluginOnlyCustomization subagentPromptCacheTtl
    subagentStatusLine switchModelsOnFlag syncClaudeAiPlugins syncClaudeAiSkills syntaxHighlightingDisabled
    taskOutputMaxChars teammateMode terminalProgressBarEnabled terminalTitleFromRename theme timeFormat timeZone
    todoFeatureEnabled totalTokensReminder totalTokensReminderAfterUserTurn totalTokensReminderBudget tui ultracode
    useAutoModeDuringPlan verbose viewMode vimInsertModeRemaps voice voiceEnabled wheelScrollAccelerationEnabled
    workflowKeywordTriggerEnabled workflowSizeGuideline worktree wslInheritsWindowsSettings xaaIdp
  `),
  permissions: keys(`
    additionalDirectories allow ask blockFileToolReadsOutsideWorkingDirectories blockReadsExemptPaths
    blockReadsOutsideWorkingDirectories blockWritesOutsideWorkingDirectories defaultMode deny denyInsteadOfPrompting
    disableAutoMode disableBypassPermissionsMode workingDirectoriesAsGiven workingDirectoriesExclude
  `),
  hooks: keys(`
    ConfigChange CwdChanged DirectoryAdded Elicitation ElicitationResult FileChanged InstructionsLoaded
    MessageDisplay Notification PermissionDenied PermissionRequest PostCompact PostModelSwitch PostToolBatch
    PostToolUse PostToolUseFailure PreCompact PreModelSwitch PreToolUse SessionEnd SessionStart Setup Stop
    StopFailure SubagentStart SubagentStop TaskCompleted TaskCreated TeammateIdle UserPromptExpansion
    UserPromptSubmit WorktreeCreate WorktreeRemove
  `),
  sandbox: keys(`
    allowAppleEvents allowNestedUserNamespaces allowUnsandboxedCommands autoAllowBashIfSandboxed bwrapPath
    credentials enabled enableWeakerNestedSandbox enableWeakerNetworkIsolation excludedCommands failIfUnavailable
    filesystem ignoreViolations network ripgrep socatPath windows
  `),
  'sandbox.network': keys(`
    allowAllUnixSockets allowedDomains allowLocalBinding allowMachLookup allowManagedDomainsOnly allowUnixSockets
    deniedDomains httpProxyPort socksProxyPort strictAllowlist tlsTerminate
  `),
  'sandbox.filesystem': keys(`
    allowManagedReadPathsOnly allowRead allowWrite denyRead denyWrite disabled
  `),
  'sandbox.credentials': keys(`
    allowPlaintextInject awsPairs envVars files sigv4
  `),
  autoMode: keys(`
    allow classifyAllShell environment hard_deny soft_deny
  `),
};
