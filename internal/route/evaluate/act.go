package evaluate

import (
	"math"
	"math/big"
	"time"

	networking "istio.io/api/networking/v1alpha3"
)

// act says what the entry does with a request that it matches. As in istiod
// (TranslateRoute) a redirect comes before a direct response, and that before
// destinations.
func (e entry) act(r Request, out *Result) {
	out.Fault = fault(e.to.Fault)
	switch {
	case e.to.Redirect != nil:
		out.Outcome, out.Redirect = Redirected, e.redirect(r)
		if out.Redirect == nil {
			out.Outcome = Invalid
		}
	case e.to.DirectResponse != nil:
		out.Outcome = Answered
		body := e.to.DirectResponse.GetBody()
		out.DirectResponse = &DirectResponse{Status: e.to.DirectResponse.Status, Body: body.GetString_() + string(body.GetBytes())}
	default:
		out.Outcome, out.Destinations = Forwarded, destinations(e.to.Route)
		if len(out.Destinations) == 0 {
			out.Outcome = Invalid
			return
		}
		out.Mirrors = mirrors(e.to)
	}
}

// destinations gives each destination's exact share: a lone one has everything,
// whatever its weight; among several, one of weight 0 has nothing, and the weights
// need not add up to 100. None: Envoy would not take these.
func destinations(all []*networking.HTTPRouteDestination) []Destination {
	share := func(of *networking.HTTPRouteDestination, weight, sum int64) Destination {
		to := of.GetDestination()
		return Destination{
			Host: to.GetHost(), Subset: to.GetSubset(), Port: to.GetPort().GetNumber(),
			Share: big.NewRat(weight, sum),
		}
	}
	if len(all) == 1 {
		return []Destination{share(all[0], 1, 1)}
	}
	sum := int64(0)
	for _, to := range all {
		if to.GetWeight() < 0 {
			return nil
		}
		sum += int64(to.GetWeight())
	}
	if sum > math.MaxUint32 {
		return nil
	}
	var out []Destination
	for _, to := range all {
		if weight := to.GetWeight(); weight > 0 {
			out = append(out, share(to, int64(weight), sum))
		}
	}
	return out
}

// mirrors gives where copies go. Without a percentage all are copied, with 0 none.
func mirrors(to *networking.HTTPRoute) (out []Mirror) {
	add := func(at *networking.Destination, perMillion uint32) {
		if at != nil && perMillion > 0 {
			out = append(out, Mirror{Host: at.Host, Subset: at.Subset, Port: at.GetPort().GetNumber(), PerMillion: perMillion})
		}
	}
	const all = 1_000_000
	switch {
	case to.MirrorPercentage != nil:
		add(to.Mirror, perMillion(to.MirrorPercentage))
	case to.MirrorPercent != nil: //nolint:staticcheck // deprecated, and still in use
		add(to.Mirror, to.MirrorPercent.GetValue()*(all/100)) //nolint:staticcheck // as above
	default:
		add(to.Mirror, all)
	}
	for _, mirror := range to.Mirrors {
		if mirror.GetPercentage() == nil {
			add(mirror.GetDestination(), all)
			continue
		}
		add(mirror.GetDestination(), perMillion(mirror.Percentage))
	}
	return out
}

// perMillion is what istiod makes of a percentage: it cuts off, and so do we.
func perMillion(percent *networking.Percent) uint32 {
	value := percent.GetValue() * 10000
	if !(value > 0) || value > math.MaxUint32 {
		return 0
	}
	return uint32(value)
}

// fault reads what a route injects. Without a percentage nothing is.
func fault(in *networking.HTTPFaultInjection) *Fault {
	if in == nil {
		return nil
	}
	out := &Fault{}
	if fixed := in.GetDelay().GetFixedDelay(); fixed != nil {
		out.Delay = time.Duration(fixed.GetSeconds())*time.Second + time.Duration(fixed.GetNanos())
		out.DelayPerMillion = perMillion(in.Delay.Percentage)
		if in.Delay.Percentage == nil {
			out.DelayPerMillion = uint32(max(0, in.Delay.Percent)) * 10000 //nolint:staticcheck // deprecated, and still in use
		}
	}
	switch kind := in.GetAbort().GetErrorType().(type) {
	case *networking.HTTPFaultInjection_Abort_HttpStatus:
		out.AbortStatus = uint32(max(0, kind.HttpStatus))
		out.AbortPerMillion = perMillion(in.Abort.Percentage)
	case *networking.HTTPFaultInjection_Abort_GrpcStatus:
		out.AbortGRPC = kind.GrpcStatus
		out.AbortPerMillion = perMillion(in.Abort.Percentage)
	}
	return out
}
