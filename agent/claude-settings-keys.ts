const keys = (text: string): readonly string[] => text.trim().split(/\s+/);

/**
 * The keys that `claude` 2.1.330 knows in a settings file, by the dotted path of the object that has them; '' is the whole
 * file. They come from the schema in the CLI; `test/contract/settings-keys.test.ts` compares the two. The CLI silently
 * ignores any other key, so a rule under a misspelt key has no effect. Objects that are missing here accept any key, or a
 * misspelt key in them removes no protection.
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
