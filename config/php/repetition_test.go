package php

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// repeated are pieces of code, § between them, that cost something each time.
const repeated = `
$i++; § $i+=1000; § $i=$i+1.5; § $x=u(); § $x=-$i; § $x=~$i; § $x=!$i; § $x=$i.'a'; § $x="a$i"; § $x=u().'a';
$x=(int)'500'; § $x=(float)'500'; § $x=(string)500; § $x=(array)5; § $x=(object)5; § $x=(array)u(); § $x=[1,2,3]; § $x=[];
$x=[u()]; § $x=['a'=>1,'b'=>2]; § $x=['a'=>1][0]; § $x=['a'=>1]['a']; § list($a,$b)=[1,2]; § [$a,[$b]]=[1,[2]];
foreach([1,2] as $v); § foreach(u() as $v); § foreach(u() as $v){$a[$v]=1;} § foreach([1] as $k=>&$v);
switch(1){case 2:case 3:} § switch(u()){case 2:} § $x=match(1){1=>500}; § $x=match(u()){1=>500,default=>1}; § try{}catch(E){}
try{throw new Exception;}catch(Exception){} § try{u();}catch(E){} § try{u();}finally{} § function_exists('a'); § $x=fn()=>1;
$x=function()use($a,$b){}; § (fn()=>1)(); § (fn($a)=>1)(500); § (fn(int $a=500)=>$a)(); § (function(){return 500;})();
f(1); § f(1,2,3); § u(1,2,3); § u($a,$b,$c); § u($a[1][2]); § u(u(u())); § strlen('a'); § strtoupper('a'); § $x=time();
$x=$_SERVER['X']??1; § $x=$_ENV['X']??1; § $x=getenv('X'); § $x=getenv(); § putenv('A=b'); § putenv("A$i=b");$i++;
isset($a,$b); § isset($a['x']['y']); § empty($a['x']); § unset($a); § unset($a['x']); § $a['x']=1; § $a['x']['y']=1;
$a[]=1;$a=[]; § $o=new stdClass; § $o->a=1; § $o=new Foo; § $x=X::class; § $x=X::Y; § $x=A; § $x=\A\B; § $x=PHP_INT_MAX;
$x=\PDO::MYSQL_ATTR_SSL_CA; § $x=u()?1:2; § $x=u()?:2; § $x=u()??2; § $x=$n??500; § $x=1<=>2; § $x=[1]==[1]; § $x=$i<5;
$x=$i=='5'; § $x='500'=='5e2'; § $x='500'+'500'; § $x='a'.'b'.'c'.'d'; § $x=$i.$i.$i.$i.$i.$i; § $x="$i$i$i$i$i"; § $x=&$a;
$x=&$a['x']; § global $g; § static $s=500; § $$i=1; § $x=$$i; § ${'a'}=1; § print 1; § echo 1; § echo u(); § $x=@u();
$x=clone $o; § $x=$o?->a; § $x=$o->a->b; § $x=u()->a; § $x=u()->a(); § $x=u()[1]; § $x='abc'[1]; § $x='abc'[$i];
$x=5 instanceof X; § $x=u() instanceof X; § if(u()); § while(u()); § for(;u();); § do{}while(u());
$x=array_map(fn($a)=>$a,[1]); § $x=array_map('trim',['a']); § array_push($a,1);array_pop($a); § sort($a);
usort($a,fn($a,$b)=>0); § $x=explode(',','a,b,c'); § $x=implode(',',['a','b']); § $x=sprintf('%s %d','a',1);
$x=json_decode('[1]'); § $x=json_encode([1]); § $x=parse_url('http://a.b/c?d'); § $x=str_replace('a','b','aaa');
$x=preg_match('/a/','b'); § $x=preg_replace('/a/','b','c'); § $x=trim('  a '); § $x=substr('abc',1);
$x=strtr('abc','a','b'); § $x=ucfirst('abc'); § $x=dirname('/a/b/c'); § $x=basename('/a/b/c'); § $x=realpath('/tmp');
$x=file_exists('/tmp'); § $x=is_readable('/tmp'); § $x=@file_get_contents('/etc/hostname'); § $x=file('/etc/hostname');
$x=glob('FOLDER/none*'); § $x=scandir('/'); § $x=is_array([1]); § $x=in_array(1,[1,2]); § $x=array_merge([1],[2]);
$x=array_keys(['a'=>1]); § $x=array_filter([1,0]); § $x=range(1,5); § $x=compact('a'); § extract(['a'=>500]);
$x=func_get_args(); § $x=define('A',1); § $x=constant('PHP_EOL'); § $x=defined('A'); § $x=intval('500');
$x=floatval('5.5'); § $x=strval(500); § $x=number_format(500.5); § $x=round(5.5); § $x=max(1,2); § $x=base64_decode('aaaa');
$x=urlencode('a b'); § $x=md5('a'); § $x=hash('sha256','a'); § $x=bin2hex('a'); § $x=str_repeat('a',10);
$x=str_pad('a',10); § $x=strrev('abc'); § $x=ucwords('a b'); § $x=nl2br('a'); § $x=date('Y'); § $x=call_user_func('f',1);
$x=call_user_func_array('f',[1]); § $x=is_callable('f'); § $x=var_export(1,true);
$x=unserialize('i:1;'); § $x=1/0; § try{$x=1/0;}catch(E){} § try{$x=1/0;}catch(Error){} § $x=1.5; § $x=5**5; § $x=1.1**1001; § $x=3**999; § min([1,2],[3]); § range(1,9); § array_chunk([1,2,3],1); § array_slice([1,2,3],1); § array_diff([1,2],[2]); §
$x=array_flip([1,2,3]); § array_column([[1],[2]],0); § sprintf('%05.1f',1.5); § pathinfo('/a/b.c'); § array_sum([1,2.5]);
 $x=$i%7;
$x=$i<<2; § $x=$i&1000; § $x='a'&'b'; § $x^=1000; § $a??=500; § $a.=''; § $x=$_GET['a']; § $x=$GLOBALS['a']; § $x=__DIR__;
$x=__LINE__; § $x=OC::$SERVERROOT; § $x=f(...); § $x=f(...)(1); § $x=f(...[1]); § g(); § h(1); § k($a); § $x=new class{};
include 'nonexistent'; § include_once __FILE__; § [$a,$b]=[$b,$a]; § foreach($o as $v); § foreach([[1,2]] as [$a,$b]);
if(1);elseif(2);else; § for($j=0;$j<1000;$j++); § for($j=1000;$j<2000;$j++); § for($j=1000;$j<2000;$j++)u();
for($j=1000;$j<2000;$j++)$y=$j*2; § $a=[1,2,3,4,5,6,7,8,9,10];foreach($a as $v); § $x=fn()=>u();$x(); § $x=[...[1,2],...[3]];
$x=array_column([['a'=>1]],'a'); § $x=array_walk($a,fn()=>1); § $x=iterator_to_array([]); § $x=yield; § declare(ticks=1);`

// repeatedNames are pieces of code with a name or a string in them, NNN, that can be long.
const repeatedNames = `
NNN(); § NNN(1); § \\NNN(1); § u(NNN()); § $x=NNN; § $x=NNN::class; § $x=NNN::X; § $x=X::NNN; § NNN::f(); § X::NNN();
$x->NNN(); § $x->NNN; § $x=$NNN; § $NNN=1; § $$NNN=1; § $NNN[]=1;$NNN=[]; § $x=new NNN; § $x=u() instanceof NNN;
$x=$o instanceof NNN; § $x='NNN'; § $x='NNN'.'a'; § $x='NNN';$x(); § $x=$s;$y=$x.''; § function_exists('NNN');
defined('NNN'); § constant('NNN'); § define('NNN',1); § define('NNN'.$i++,1); § getenv('NNN'); § putenv('NNN=1');
$x=$_SERVER['NNN']; § $x=$_ENV['NNN']; § $x=$a['NNN']; § $a['NNN']=1; § unset($a['NNN']); § isset($a['NNN']);
$x=['NNN'=>1]; § strtoupper('NNN'); § strlen('NNN'); § trim('NNN'); § trim(' NNN '); § in_array('NNN',['NNN']);
explode('A','NNN'); § $x=str_replace('A','bb','NNN'); § md5('NNN'); § base64_encode('NNN'); § json_encode('NNN');
json_decode('"NNN"'); § json_decode('NNN'); § json_decode('{"NNN":1}'); § parse_url('http://NNN/');
preg_match('/NNN/','NNN'); § sprintf('%s','NNN'); § sprintf('NNN'); § sprintf('%NNN'); § printf('NNN');
try{throw new NNN;}catch(NNN){} § try{throw new Exception('NNN');}catch(Exception $x){$x->getMessage();}
try{u();}catch(NNN){} § goto NNN; § global $NNN; § static $NNN=1; § include 'NNN'; § @file_get_contents('NNN');
@file_get_contents('/tmp/NNN'); § file_exists('NNN'); § file_exists('/NNN'); § dirname('NNN'); § realpath('NNN');
basename('NNN'); § glob('NNN'); § intval('NNN'); § (int)'NNN'; § 'NNN'+1; § 'NNN'=='NNN'; § 'NNN'=='ANNN'; § 'NNN'<=>1;
$x='NNN'[1]; § compact('NNN'); § extract(['NNN'=>1]); § is_callable('NNN'); § call_user_func('NNN'); § array_map('NNN',[1]);
usort($a,'NNN'); § f(NNN: 1); § f('NNN'); § h('NNN'); § strlen(NNN: 1); § $x=fn($NNN)=>1; § (fn($NNN=1)=>1)();
(fn(NNN $x)=>1)(1); § $x=function() use($NNN){}; § $x=match('NNN'){1=>2}; § $x=match('NNN'){'NNN'=>2};
switch('NNN'){case 'NNN':} § if('NNN'==u()); § foreach(['NNN'] as $v); § foreach(u() as $NNN);
foreach(u('NNN') as $v){$NNN[$v]=1;} § $x="NNN$i"; § $x="$NNN"; § $x='NNN' & 'NNN'; § $x='NNN' ^ 'ANNN'; § $x=~'NNN';
strtr('NNN','A','B'); § strtr('NNN',['A'=>'BB']); § ucfirst('NNN'); § ucwords('NNN'); § strrev('NNN'); § str_pad('NNN',5);
wordwrap('NNN'); § substr('NNN',1); § str_split('NNN'); § implode('NNN',[1,2]); § implode(',',['NNN','NNN']);
urlencode('NNN'); § rawurldecode('NNN'); § htmlspecialchars('NNN'); § addslashes('NNN'); § nl2br('NNN'); § bin2hex('NNN');
crc32('NNN'); § is_numeric('NNN'); § ctype_alpha('NNN'); § filter_var('NNN',FILTER_VALIDATE_BOOLEAN);
version_compare('NNN','1'); § str_contains('NNN','A'); § strpos('NNN','A'); § stripos('NNN','b'); § strcasecmp('NNN','b');
strncmp('NNN','b',1); § mb_strtolower('NNN'); § lcfirst('NNN'); § array_key_exists('NNN',['NNN'=>1]); § array_flip(['NNN']);
array_combine(['NNN'],['NNN']); § array_fill_keys(['NNN'],1); § array_unique(['NNN','NNN']); § array_search('NNN',['NNN']);
var_export('NNN',true); § print_r('NNN',true); § unserialize('NNN'); § number_format('5');
inet_pton('NNN'); § hash('NNN','a'); § hash('md5','NNN'); § ini_get('NNN'); § php_sapi_name();`

// TestRepetition repeats each piece of code without end. Whatever a piece allocates, the loop must come to an end within the memory
// that is allowed, and with something to spare, so all of it has to be accounted for, on average.
func TestRepetition(t *testing.T) {
	const memory = 4 * mebibyte
	pieces := strings.ReplaceAll(repeated, "FOLDER", t.TempDir()) // an empty one: all names in it are read
	for _, size := range []int{2, 300, 5000} {
		pieces += strings.ReplaceAll(repeatedNames, "NNN", strings.Repeat("Ab", size/2))
	}
	for _, piece := range strings.FieldsFunc(pieces, func(r rune) bool { return r == '§' || r == '\n' }) {
		path := writeConfig(t, fmt.Sprintf(`<?php $i = 1000; function f($x = 1) { return 500; } function g() { return u(); }
			function h(int $x): int { return $x; } while (true) { %s }`, piece))
		allocated := measure(func() {
			_, err := Evaluate(t.Context(), []string{path}, Options{Limits: Limits{Memory: memory}})
			require.NoError(t, err)
		})
		requireAllocated(t, allocated, uint64(memory*15/16), "bytes, by %s", clip(piece))
	}
}
