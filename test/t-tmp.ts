import { withLog, publish, subscribe, someInputs } from './support/snapshot-runs.ts';
for (const P of [1,3]) await withLog('memory',P,async(log)=>{
 for (let i=0;i<40;i++){ await publish(log, someInputs(60,i*60),i*60); const t=performance.now(); const ev:string[]=[]; await subscribe(log,{snapshotEvery:1,onEvent:(e)=>{ev.push(`${(performance.now()-t).toFixed(0)}:${e.type}${'partition' in e?e.partition:''}${'kind' in e?e.kind:''}`)}}); if(i%13==12||performance.now()-t>300) console.log(P,i,(performance.now()-t).toFixed(0), ev.filter(e=>!e.includes('heart')).join(' ')); }
 console.log((await log.describeTopic('test.model'))?.partitions);
});
