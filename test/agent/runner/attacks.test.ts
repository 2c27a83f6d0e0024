import { attacksHere } from '../../support/attacks-here.ts';

attacksHere('scripted');
