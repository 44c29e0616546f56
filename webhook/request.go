package webhook

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kubectl-grayscale/kubectl-grayscale/webhook/decide"
)

// objects reads the object as it was and as it is to be; was is nil when it is
// created. They are read as they are, so that no field gets lost that our own
// libraries don't know.
func objects(decoder admission.Decoder, req admission.Request) (was, is *unstructured.Unstructured, err error) {
	is = &unstructured.Unstructured{}
	if err := decoder.DecodeRaw(req.Object, is); err != nil {
		return nil, nil, fmt.Errorf("reading %s %s/%s as it is to be: %w", req.Kind.Kind, req.Namespace, req.Name, err)
	}
	is.SetNamespace(req.Namespace)
	if len(req.OldObject.Raw) == 0 {
		return nil, is, nil
	}
	was = &unstructured.Unstructured{}
	if err := decoder.DecodeRaw(req.OldObject, was); err != nil {
		return nil, nil, fmt.Errorf("reading %s %s/%s as it was: %w", req.Kind.Kind, req.Namespace, req.Name, err)
	}
	return was, is, nil
}

func writeOf(decoder admission.Decoder, req admission.Request, controller string) (decide.Write, error) {
	was, is, err := objects(decoder, req)
	return decide.Write{Before: was, After: is, User: req.UserInfo.Username, Controller: controller}, err
}
