/**
 * Runs in the page: tells the values under the pointer. They are read back from the drawn paths, so that the file
 * holds every point once; what was rounded to a tenth of a pixel is shown to three digits.
 */
export const pointerScript = `
for(const svg of document.querySelectorAll('svg[data-x]')){
const figure=svg.parentElement,axis=n=>svg.dataset[n].split(' ').map(Number)
const value=([low,high,from,to,log],at)=>{const t=(at-from)/(to-from);return log?low*(high/low)**t:low+(high-low)*t}
const text=v=>Math.abs(v)>=1e4?Math.round(v).toLocaleString('en'):String(Number(v.toPrecision(3)))
const lines=[...svg.querySelectorAll('path.line')].map(path=>({name:path.dataset.name,colour:getComputedStyle(path).stroke,points:
[...path.getAttribute('d').matchAll(/([ML])([\\d.-]+) ([\\d.-]+)|H([\\d.-]+)V([\\d.-]+)/g)].map(m=>[Number(m[2]??m[4]),Number(m[3]??m[5])])}))
if(!lines.length)continue
const tip=document.createElement('div');tip.className='tip';tip.hidden=true;figure.append(tip)
const cross=document.createElementNS(svg.namespaceURI,'line');cross.setAttribute('class','cross');svg.append(cross)
const hide=()=>{tip.hidden=true;cross.setAttribute('x1',-9);cross.setAttribute('x2',-9)}
hide()
svg.addEventListener('pointerleave',hide)
svg.addEventListener('pointermove',event=>{
const box=svg.getBoundingClientRect(),at=(event.clientX-box.left)*560/box.width,x=axis('x'),y=axis('y')
if(at<x[2]||at>x[3])return hide()
const near=lines.map(({points})=>points.reduce((a,b)=>Math.abs(b[0]-at)<Math.abs(a[0]-at)?b:a)),px=near.reduce((a,b)=>Math.abs(b[0]-at)<Math.abs(a[0]-at)?b:a)[0]
cross.setAttribute('x1',px);cross.setAttribute('x2',px);cross.setAttribute('y1',y[3]);cross.setAttribute('y2',y[2])
tip.replaceChildren(text(value(x,px)),...lines.flatMap(({name,colour},i)=>{const row=document.createElement('div'),dot=document.createElement('span');dot.textContent='● ';dot.style.color=colour;row.append(dot,name+' '+text(value(y,near[i][1])));return[row]}))
tip.hidden=false
const left=px*box.width/560
tip.style.top='44px';tip.style.left=left>box.width*.6?'auto':left+28+'px';tip.style.right=left>box.width*.6?box.width-left+8+'px':'auto'
})}
`
