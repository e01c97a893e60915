"""What every HTTP entrance shares: errors as problem+json, request ids, rendering, metrics. No models, no services."""
