{{- define "gateway.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "gateway.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "gateway.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "gateway.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The name and labels of an object: (dict "root" $ "suffix" "-redis" "component" "redis"), both optional. */}}
{{- define "gateway.metadata" -}}
name: {{ include "gateway.fullname" .root }}{{ .suffix }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "gateway.selector" . | nindent 2 }}
  app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ .root.Release.Service }}
  helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "gateway.selector" -}}
app.kubernetes.io/name: {{ include "gateway.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component | default "gateway" }}
{{- end -}}

{{- define "gateway.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ .image.tag | default .version }}
{{- end -}}
{{- end -}}

{{- define "gateway.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "gateway.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{- define "gateway.secretName" -}}
{{- .Values.secret.existingSecret | default (printf "%s-secret" (include "gateway.fullname" .)) -}}
{{- end -}}

{{/* Restricted Pod Security, for any container here. */}}
{{- define "gateway.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "gateway.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* Whole seconds of a duration of the gateway's, rounded up: (dict "key" "server.drain_timeout" "value" "1m"). */}}
{{- define "gateway.seconds" -}}
{{- $text := toString .value -}}
{{- if not (regexMatch "^[0-9]+(\\.[0-9]+)?(ms|s|m|h)?$" $text) -}}
{{- fail (printf "config.%s: got %s; the chart derives the grace period from it, so write it out, such as 30s" .key $text) -}}
{{- end -}}
{{- $number := regexFind "^[0-9.]+" $text | float64 -}}
{{- $factor := get (dict "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0) (regexFind "[a-z]+$" $text | default "s") -}}
{{- mulf $number $factor | ceil | int -}}
{{- end -}}

{{- define "gateway.drainSeconds" -}}
{{- $server := .Values.config.server | default dict -}}
{{- $delay := include "gateway.seconds" (dict "key" "server.drain_delay" "value" (get $server "drain_delay" | default "0s")) -}}
{{- $timeout := get $server "drain_timeout" -}}
{{- $timeout = include "gateway.seconds" (dict "key" "server.drain_timeout" "value" (kindIs "invalid" $timeout | ternary "30s" $timeout)) -}}
{{- add (int $delay) (int $timeout) -}}
{{- end -}}

{{- define "gateway.graceSeconds" -}}
{{- $needed := add .Values.lifecycle.preStopSeconds (include "gateway.drainSeconds" . | int) .Values.lifecycle.marginSeconds -}}
{{- $given := .Values.lifecycle.terminationGracePeriodSeconds -}}
{{- if kindIs "invalid" $given -}}
{{- $needed -}}
{{- else if lt (int $given) (int $needed) -}}
{{- fail (printf "lifecycle.terminationGracePeriodSeconds: got %d, but preStopSeconds + config.server.drain_delay + drain_timeout + marginSeconds are %d; requests in flight would be killed. Raise it, or leave it out" (int $given) (int $needed)) -}}
{{- else -}}
{{- int $given -}}
{{- end -}}
{{- end -}}

{{- define "gateway.publicPort" -}}
{{- (.Values.config.server | default dict).port | default 8080 -}}
{{- end -}}

{{- define "gateway.scheme" -}}
{{- ternary "https" "http" (not (empty (.Values.config.server | default dict).tls_cert)) -}}
{{- end -}}

{{- define "gateway.asksForJwt" -}}
{{- $jwt := .Values.config.jwt | default dict -}}
{{- $type := (.Values.config.auth | default dict).type | default "jwt" -}}
{{- if and (has $type (list "jwt" "both")) (empty $jwt.secret) (empty $jwt.public_key) -}}yes{{- end -}}
{{- end -}}

{{/* YAML: which variable is in which key of the Secret. */}}
{{- define "gateway.secretVariables" -}}
{{- $own := ternary (dict "JWT_SECRET" "jwt-secret") dict (not (empty (include "gateway.asksForJwt" .))) -}}
{{- merge (dict) .Values.secret.variables $own | toYaml -}}
{{- end -}}

{{- define "gateway.usesSecret" -}}
{{- if or .Values.secret.existingSecret .Values.secret.data (include "gateway.asksForJwt" .) .Values.secret.variables .Values.redis.enabled -}}yes{{- end -}}
{{- end -}}

{{/* The gateway's configuration, with what the chart knows. */}}
{{- define "gateway.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- if .Values.redis.enabled -}}
{{- $url := printf "redis://:${file:/run/secrets/gateway/redis-password}@%s-redis:6379/0" (include "gateway.fullname" .) -}}
{{- $config = merge (dict "redis" (dict "url" $url)) $config -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* What must not be rendered, said before anything is installed. */}}
{{- define "gateway.check" -}}
{{- if empty .Values.config.services -}}
{{- fail "config.services: nothing; name at least one, such as {llm: {upstreams: [{url: \"http://model-server:8000/v1\"}]}}" -}}
{{- end -}}
{{- $admin := .Values.config.admin | default dict -}}
{{- if not $admin.port -}}
{{- fail "config.admin.port: nothing; without it /metrics would be public, and the probes have no port" -}}
{{- end -}}
{{- if eq (toString $admin.port) (include "gateway.publicPort" .) -}}
{{- fail "config.admin.port: another port than config.server.port, or /metrics would be public" -}}
{{- end -}}
{{- if has ($admin.host | default "127.0.0.1") (list "127.0.0.1" "localhost" "::1") -}}
{{- fail "config.admin.host: the kubelet's probes do not reach a loopback address; 0.0.0.0 or :: (the NetworkPolicy keeps others out)" -}}
{{- end -}}
{{- if and (include "gateway.usesSecret" .) (not .Values.secret.existingSecret) -}}
{{- range $variable, $key := include "gateway.secretVariables" . | fromYaml -}}
{{- if not (hasKey $.Values.secret.data $key) -}}
{{- fail (printf "secret: %s needs the key %s; name your Secret in secret.existingSecret, or set secret.data.%s for development" $variable $key $key) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.redis.enabled (not (index .Values.secret.data "redis-password")) -}}
{{- fail "secret: redis.enabled needs the key redis-password; name your Secret in secret.existingSecret, or set secret.data.redis-password for development" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.ingress.enabled (empty .Values.ingress.hosts) -}}
{{- fail "ingress.hosts: nothing; such as [{host: ai.example.com}]" -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled (empty .Values.httpRoute.parentRefs) -}}
{{- fail "httpRoute.parentRefs: nothing; such as [{name: public, namespace: gateways}]" -}}
{{- end -}}
{{- end -}}
