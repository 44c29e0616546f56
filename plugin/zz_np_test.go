package plugin
import ("testing"
 cg "k8s.io/client-go/applyconfigurations"
 "k8s.io/client-go/kubernetes/scheme"
 "github.com/kubectl-grayscale/kubectl-grayscale/manifests"
 networkingv1 "k8s.io/api/networking/v1"
)
func TestNP(t *testing.T){
 c := cg.NewTypeConverter(scheme.Scheme)
 objs,_ := manifests.Build(manifests.Options{})
 for _,o := range objs { _,err := c.ObjectToTyped(o); if err!=nil { t.Logf("%s: %v",o.GetKind(),err)} }
 _,err := c.ObjectToTyped(&networkingv1.NetworkPolicy{})
 t.Log("empty",err)
}
