package onnx_test
import ("testing";"os";"strings";"strconv";"fmt";"runtime/debug";"context"
"github.com/slipway-ml/slipway/internal/onnx")
func rss() int { debug.FreeOSMemory(); b,_:=os.ReadFile("/proc/self/statm"); f:=strings.Fields(string(b)); n,_:=strconv.Atoi(f[1]); return n*4096/1024 }
func TestZZ(t *testing.T){
 f:=open(t,"fails_on_rows"); in:=x(4)
 for k:=0;k<3;k++{ for i:=0;i<5000;i++{ if _,err:=f.Run(context.Background(),in);err==nil{t.Fatal()} }; fmt.Println("fail-noopts",k,rss()) }
 good:=x(4); for i:=range good[0].Floats { good[0].Floats[i]=1 }
 for k:=0;k<3;k++{ for i:=0;i<5000;i++{ if _,err:=f.Run(context.Background(),good);err!=nil{t.Fatal(err)} }; fmt.Println("ok",k,rss()) }
 f.Close(); fmt.Println("closed", rss())
 _ = onnx.Float32
}
