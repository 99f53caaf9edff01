{{/* Where the configuration sends the gateway: URLs, one a line. Those with references in them are not known here. */}}
{{- define "gateway.destinations" -}}
{{- $config := .Values.config -}}
{{- range $name, $service := $config.services -}}
{{- range $service.upstreams -}}
{{- println (.url | trimPrefix "dns+") -}}
{{- end -}}
{{- end -}}
{{- $auth := $config.auth | default dict -}}
{{- if has ($auth.type | default "jwt") (list "oidc" "both") -}}
{{- println (($config.oidc | default dict).issuer | default "") -}}
{{- println (($config.oidc | default dict).jwks_uri | default "") -}}
{{- end -}}
{{- $tracing := $config.tracing | default dict -}}
{{- if $tracing.enabled -}}
{{- println ($tracing.endpoint | default "") -}}
{{- end -}}
{{- include "gateway.redisDestinations" (($config.redis | default dict).url | default "") -}}
{{- end -}}

{{/* Every host of a Redis URL, which may name several Sentinels or Cluster nodes; its password is a reference, and a host
     that is one is not known here. A Sentinel tells where the servers are: the policy expects them on the same hosts. */}}
{{- define "gateway.redisDestinations" -}}
{{- $url := regexReplaceAll "\\$\\{[^{}]*\\}" . "$" -}}
{{- $where := regexReplaceAll "/.*$" (regexReplaceAll "^[a-z+]+://([^/]*@)?" $url "") "" -}}
{{- range splitList "," $where | compact -}}
{{- if not (contains "$" .) -}}
{{- if regexMatch "^rediss?\\+sentinel:" $url -}}
{{- println (printf "redis://%s%s" . (regexMatch ":[0-9]+$" . | ternary "" ":26379")) -}}
{{- println (printf "redis://%s" (regexReplaceAll ":[0-9]+$" . "")) -}}
{{- else -}}
{{- println (printf "redis://%s" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A rule for each destination. A policy sees the port of the pod, which the URL of a Service does not tell: names
     inside the cluster are limited to their namespace, addresses and names outside to their port. */}}
{{- define "gateway.egress" -}}
{{- $rules := list -}}
{{- range include "gateway.destinations" . | splitList "\n" | uniq | compact -}}
{{- if not (contains "${" .) -}}
{{- $url := urlParse . -}}
{{- $host := regexReplaceAll ":[0-9]+$" (regexReplaceAll "^.*@" $url.host "") "" | trimPrefix "[" | trimSuffix "]" -}}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (get (dict "https" "443" "redis" "6379" "rediss" "6379") $url.scheme) | default "80" | int -}}
{{- $labels := splitList "." $host -}}
{{- $peer := dict -}}
{{- if regexMatch "^[0-9.]+$" $host -}}
{{- $peer = dict "ipBlock" (dict "cidr" (printf "%s/32" $host)) -}}
{{- else if contains ":" $host -}}
{{- $peer = dict "ipBlock" (dict "cidr" (printf "%s/128" $host)) -}}
{{- else if eq (len $labels) 1 -}}
{{- $peer = dict "podSelector" dict -}}
{{- else if or (eq (len $labels) 2) (eq (index $labels 2) "svc") -}}
{{- $peer = dict "namespaceSelector" (dict "matchLabels" (dict "kubernetes.io/metadata.name" (index $labels 1))) -}}
{{- end -}}
{{- $ports := list (dict "port" $port "protocol" "TCP") -}}
{{- if not $peer -}}
{{- /* Out there, but never the cloud's metadata service. */ -}}
{{- $peers := list (dict "ipBlock" (dict "cidr" "0.0.0.0/0" "except" (list "169.254.0.0/16"))) (dict "ipBlock" (dict "cidr" "::/0" "except" (list "fe80::/10"))) -}}
{{- $rules = append $rules (dict "to" $peers "ports" $ports) -}}
{{- else if $peer.ipBlock -}}
{{- $rules = append $rules (dict "to" (list $peer) "ports" $ports) -}}
{{- else -}}
{{- $rules = append $rules (dict "to" (list $peer)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $rules -}}
{{- $rules | uniq | toYaml -}}
{{- end -}}
{{- end -}}
