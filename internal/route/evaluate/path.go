package evaluate

import "strings"

// normalPath does with a path what Istio has every Envoy do before it routes
// (pathNormalization BASE): dot segments are resolved, a backslash is a slash,
// escapes of unreserved characters are undone and characters that don't belong
// there are escaped. The query stays. ok is false for what Envoy answers 400.
// https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ProxyPathNormalization-NormalizationType
func normalPath(path string) (out string, ok bool) {
	path, query, has := strings.Cut(path, "?")
	if has {
		query = "?" + query
	}
	if !strings.HasPrefix(path, "/") {
		// "*" of OPTIONS, or what no client sends.
		return path + query, true
	}
	var segments []string
	rest := strings.ReplaceAll(path[1:], `\`, "/")
	for more := true; more; {
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		segment, valid := normalSegment(segment)
		if !valid {
			return "", false
		}
		switch segment {
		case ".":
			segment = ""
		case "..":
			segments = segments[:max(0, len(segments)-1)]
			segment = ""
		default:
			segments = append(segments, segment)
			continue
		}
		if !more {
			// A dot segment at the end leaves its slash.
			segments = append(segments, segment)
		}
	}
	return "/" + strings.Join(segments, "/") + query, true
}

const (
	hexDigits = "0123456789ABCDEF"
	// escaped are the printable characters that get escaped in a path.
	escaped = ` "<>^` + "`{|}"
)

func normalSegment(segment string) (out string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(segment); i++ {
		c := segment[i]
		decoded, escape := unescape(segment[i:])
		switch {
		case escape && decoded == 0:
			return "", false
		case escape && unreserved(decoded):
			b.WriteByte(decoded)
			i += 2
		case c <= ' ' || c >= 0x7f || strings.IndexByte(escaped, c) >= 0:
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), true
}

// unescape reads an escape at the beginning of text.
func unescape(text string) (c byte, ok bool) {
	if len(text) < 3 || text[0] != '%' {
		return 0, false
	}
	for _, digit := range []byte(strings.ToUpper(text[1:3])) {
		value := strings.IndexByte(hexDigits, digit)
		if value < 0 {
			return 0, false
		}
		c = c<<4 | byte(value)
	}
	return c, true
}

// unreserved says whether a character means the same escaped or not (RFC 3986,
// 2.3).
func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}
